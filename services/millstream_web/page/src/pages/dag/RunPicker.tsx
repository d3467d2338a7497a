import { useRead } from "../../api/queries";
import type { Dag, Run } from "../../api/types";
import { useSearchParam } from "../../app/address";
import { paths } from "../../app/paths";
import { useRefreshed } from "../../live/hooks";
import { State } from "../../parts/State";
import { lookOf } from "../../parts/states";
import { Link } from "wouter";

const OFFERED = 50;

interface Chosen {
  run: Run | undefined;
  runs: readonly Run[];
  isLoading: boolean;
  /** An empty id: the latest, whichever that is. */
  choose: (runId: string) => void;
}

/** The run that `?run=` names, or the latest one. */
export function useChosenRun({ namespace, dagId }: Dag): Chosen {
  const [runId, choose] = useSearchParam("run");
  const listed = useRead("RunService/ListRuns", { namespace, dagId, pageSize: OFFERED }, { keep: true });
  useRefreshed(
    ["RunService/ListRuns"],
    (event) => event.dagId === dagId && event.type.startsWith("Run"),
  );
  const runs = listed.data?.runs ?? [];
  const inList = runs.find((each) => each.runId === runId);
  const asked = useRead(
    "RunService/GetRun",
    { namespace, dagId, runId: runId ?? "" },
    { enabled: Boolean(runId && listed.data && !inList) },
  );
  const run = runId ? (inList ?? asked.data?.run) : runs[0];
  return { run, runs, choose, isLoading: listed.isLoading || asked.isLoading };
}

export function RunPicker({ run, runs, choose, isLoading }: Chosen) {
  if (isLoading) return null;
  if (!run && !runs.length) return <p className="faint">There are no runs yet.</p>;
  const offered = run && !runs.includes(run) ? [run, ...runs] : runs;
  return (
    <div className="run-picker">
      <label>
        Run{" "}
        <select
          value={run?.runId ?? ""}
          onChange={(event) => choose(event.target.value === runs[0]?.runId ? "" : event.target.value)}
        >
          {offered.map((each) => (
            <option key={each.runId} value={each.runId}>
              {lookOf(each.state).sign} {each.runId}
            </option>
          ))}
        </select>
      </label>
      {run && (
        <>
          <State of={run.state} />
          <Link href={paths.run(run.dagId, run.runId)}>Open the run</Link>
        </>
      )}
    </div>
  );
}
