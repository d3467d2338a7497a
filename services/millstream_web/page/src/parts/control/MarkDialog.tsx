import { useState } from "react";
import { useRead } from "../../api/queries";
import type { TaskSelector, TaskState } from "../../api/types";
import { Dialog } from "../Dialog";
import { Failure } from "../Query";
import { lookOf } from "../states";
import { useAct } from "../useAct";
import { Check } from "./Check";
import type { RunOf } from "./ClearDialog";
import "./control.css";
import { counted, Selected } from "./Selected";

const STATES: readonly TaskState[] = ["TASK_STATE_SUCCESS", "TASK_STATE_FAILED", "TASK_STATE_SKIPPED"];

/** Say how tasks ended: which they are is shown first. */
export function MarkDialog({ of, tasks, onClose }: { of: RunOf; tasks: TaskSelector[]; onClose: () => void }) {
  const [state, setState] = useState<TaskState>("TASK_STATE_SUCCESS");
  const [note, setNote] = useState("");
  const [options, setOptions] = useState({
    includeUpstream: false,
    includeDownstream: false,
    includePast: false,
    includeFuture: false,
  });
  const request = { ...of, tasks, state, ...options };
  const preview = useRead("RunService/MarkTasks", { ...request, dryRun: true }, { keep: true, staleTime: 0 });
  const set = (part: Partial<typeof options>) => setOptions({ ...options, ...part });
  const word = lookOf(state).word;
  const mark = useAct("RunService/MarkTasks", {
    words: (_, answer) => `Marked ${counted(answer.tasks.length)} ${word}`,
    isQuiet: true,
  });
  return (
    <Dialog title="Mark: say how it ended" onClose={onClose}>
      <div className="form">
        <fieldset className="options">
          <legend>As</legend>
          {STATES.map((each) => (
            <label key={each} className="check">
              <input type="radio" name="state" checked={each === state} onChange={() => setState(each)} />
              {lookOf(each).word}
            </label>
          ))}
        </fieldset>
        <fieldset className="options">
          <legend>What else</legend>
          <Check name="Upstream" is={options.includeUpstream} set={(is) => set({ includeUpstream: is })} />
          <Check name="Downstream" is={options.includeDownstream} set={(is) => set({ includeDownstream: is })} />
          <Check name="Runs before (past)" is={options.includePast} set={(is) => set({ includePast: is })} />
          <Check name="Runs after (future)" is={options.includeFuture} set={(is) => set({ includeFuture: is })} />
        </fieldset>
        <label>
          Note
          <input value={note} onChange={(event) => setNote(event.target.value)} />
        </label>
        <Selected of={preview} what={`marked ${word}`} />
        {mark.error && <Failure error={mark.error} />}
        <footer>
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button
            type="button"
            className="main"
            disabled={!preview.data?.tasks.length || mark.isPending}
            onClick={() => mark.mutate({ ...request, note, dryRun: false }, { onSuccess: onClose })}
          >
            Mark {word}
          </button>
        </footer>
      </div>
    </Dialog>
  );
}
