import { useMemo } from "react";
import type { RunState } from "../../api/types";
import { useSearchParam } from "../../app/address";
import { FoldButtons } from "../../parts/FoldButtons";
import { RunFilters } from "./RunFilters";
import type { GridFilter } from "./gridSource";

const COUNTS = [10, 25, 50, 100, 250];
const FIRST = 25;

/** The filter that the address holds. */
export function useGridFilter(): GridFilter {
  const [type = ""] = useSearchParam("type");
  const [state = ""] = useSearchParam("state");
  const [most = ""] = useSearchParam("runs");
  return useMemo(
    () => ({
      runTypes: type ? [type] : [],
      states: state ? [state as RunState] : [],
      most: COUNTS.find((count) => String(count) === most) ?? FIRST,
    }),
    [type, state, most],
  );
}

export function GridFilters({
  search,
  onSearch,
  groups,
  foldAll,
  unfoldAll,
}: {
  search: string;
  onSearch: (text: string) => void;
  groups: number;
  foldAll: () => void;
  unfoldAll: () => void;
}) {
  const [most, setMost] = useSearchParam("runs");
  return (
    <div className="filters">
      <input
        type="search"
        aria-label="Find a task"
        placeholder="Find a task"
        value={search}
        onChange={(event) => onSearch(event.target.value)}
      />
      <RunFilters />
      <label>
        Runs{" "}
        <select value={most ?? FIRST} onChange={(event) => setMost(event.target.value)}>
          {COUNTS.map((count) => (
            <option key={count}>{count}</option>
          ))}
        </select>
      </label>
      <FoldButtons groups={groups} foldAll={foldAll} unfoldAll={unfoldAll} />
    </div>
  );
}
