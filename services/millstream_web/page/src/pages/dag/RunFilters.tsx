import type { RunState } from "../../api/types";
import { useSearchParam } from "../../app/address";
import { lookOf } from "../../parts/states";

const STATES: readonly RunState[] = [
  "RUN_STATE_QUEUED",
  "RUN_STATE_RUNNING",
  "RUN_STATE_SUCCESS",
  "RUN_STATE_FAILED",
];
const TYPES: readonly [type: string, words: string][] = [
  ["manual", "manual"],
  ["scheduled", "scheduled"],
  ["backfill", "backfill"],
  ["asset_triggered", "asset triggered"],
];

/** Which runs: by type and state, as the address says. */
export function RunFilters() {
  const [type, setType] = useSearchParam("type");
  const [state, setState] = useSearchParam("state");
  return (
    <>
      <label>
        Type{" "}
        <select value={type ?? ""} onChange={(event) => setType(event.target.value)}>
          <option value="">any</option>
          {TYPES.map(([value, words]) => (
            <option key={value} value={value}>
              {words}
            </option>
          ))}
        </select>
      </label>
      <label>
        State{" "}
        <select value={state ?? ""} onChange={(event) => setState(event.target.value)}>
          <option value="">any</option>
          {STATES.map((value) => (
            <option key={value} value={value}>
              {lookOf(value).word}
            </option>
          ))}
        </select>
      </label>
    </>
  );
}
