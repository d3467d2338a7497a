import { useMemo } from "react";
import type { RunState } from "../../api/types";
import { useSearchParam } from "../../app/address";
import { Empty, Failure } from "../../parts/Query";
import { RunFilters } from "./RunFilters";
import { RunTable } from "./RunTable";
import type { TabProps } from "./tab";
import { useRuns } from "./useRuns";

const PAGE = 200;

/** All runs of the DAG; the filters are in the address. */
export default function RunsTab({ dag: { namespace, dagId, latestVersion } }: TabProps) {
  const [type = ""] = useSearchParam("type");
  const [state = ""] = useSearchParam("state");
  const [prefix = "", setPrefix] = useSearchParam("id");
  const [version = "", setVersion] = useSearchParam("version");
  const [from = "", setFrom] = useSearchParam("from");
  const [until = "", setUntil] = useSearchParam("until");
  const request = useMemo(
    () => ({
      namespace,
      dagId,
      pageSize: PAGE,
      runTypes: type ? [type] : [],
      states: state ? [state as RunState] : [],
      runIdPrefix: prefix,
      dagVersion: Number(version) || 0,
      ...(isDay(from) ? { logicalFrom: `${from}T00:00:00Z` } : {}),
      ...(isDay(until) ? { logicalUntil: `${until}T00:00:00Z` } : {}),
    }),
    [namespace, dagId, type, state, prefix, version, from, until],
  );
  const { runs, error, isLoading, more, hasMore, again } = useRuns(request);
  return (
    <>
      <div className="filters">
        <input
          type="search"
          aria-label="Runs whose id begins with"
          placeholder="Run id begins with"
          value={prefix}
          onChange={(event) => setPrefix(event.target.value)}
        />
        <RunFilters />
        <label>
          Version{" "}
          <input
            type="number"
            min="1"
            max={latestVersion}
            value={version}
            onChange={(event) => setVersion(event.target.value)}
          />
        </label>
        <label>
          From{" "}
          <input type="date" value={from} onChange={(event) => setFrom(event.target.value)} />
        </label>
        <label>
          Until <input type="date" value={until} onChange={(event) => setUntil(event.target.value)} />
        </label>
        <span className="faint" role="status">
          {!isLoading && `${runs.length}${hasMore ? " or more" : ""} runs`}
        </span>
      </div>
      {error && <Failure error={error} again={again} />}
      {isLoading && <p className="loading">Loading…</p>}
      {!isLoading && !error && !runs.length && <Empty>There are no such runs.</Empty>}
      {runs.length > 0 && <RunTable label={`Runs of ${dagId}`} runs={runs} onEnd={more} />}
    </>
  );
}

const isDay = (text: string): boolean => /^\d{4}-\d{2}-\d{2}$/.test(text);
