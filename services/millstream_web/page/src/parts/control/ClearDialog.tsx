import { useState } from "react";
import { useRead } from "../../api/queries";
import type { TaskSelector } from "../../api/types";
import { Dialog } from "../Dialog";
import { Failure } from "../Query";
import { useAct } from "../useAct";
import { Check } from "./Check";
import "./control.css";
import { counted, Selected } from "./Selected";

export interface RunOf {
  namespace: string;
  dagId: string;
  runId: string;
}

/** Let tasks run again: which they are is shown first. No `tasks`: all of the run. */
export function ClearDialog({
  of,
  tasks = [],
  onlyFailed = false,
  onClose,
}: {
  of: RunOf;
  tasks?: TaskSelector[];
  onlyFailed?: boolean;
  onClose: () => void;
}) {
  const [options, setOptions] = useState({
    includeUpstream: false,
    includeDownstream: tasks.length > 0,
    includePast: false,
    includeFuture: false,
    onlyFailed,
    runOnLatestVersion: false,
  });
  const request = { ...of, tasks, ...options };
  const preview = useRead("RunService/ClearTasks", { ...request, dryRun: true }, { keep: true, staleTime: 0 });
  const clear = useAct("RunService/ClearTasks", {
    words: (_, answer) => `Cleared ${counted(answer.tasks.length)}`,
    isQuiet: true,
  });
  const set = (part: Partial<typeof options>) => setOptions({ ...options, ...part });
  const go = () => clear.mutate({ ...request, dryRun: false }, { onSuccess: onClose });
  return (
    <Dialog title={tasks.length ? "Clear: let it run again" : "Clear the run"} onClose={onClose}>
      <div className="form">
        <fieldset className="options">
          <legend>What else</legend>
          {tasks.length > 0 && (
            <>
              <Check name="Upstream" is={options.includeUpstream} set={(is) => set({ includeUpstream: is })} />
              <Check name="Downstream" is={options.includeDownstream} set={(is) => set({ includeDownstream: is })} />
            </>
          )}
          <Check name="Runs before (past)" is={options.includePast} set={(is) => set({ includePast: is })} />
          <Check name="Runs after (future)" is={options.includeFuture} set={(is) => set({ includeFuture: is })} />
          <Check name="Only what failed" is={options.onlyFailed} set={(is) => set({ onlyFailed: is })} />
          <Check
            name="Newest version of the DAG"
            is={options.runOnLatestVersion}
            set={(is) => set({ runOnLatestVersion: is })}
          />
        </fieldset>
        <Selected of={preview} what="cleared" />
        {clear.error && <Failure error={clear.error} />}
        <footer>
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button type="button" className="main" disabled={!preview.data?.tasks.length || clear.isPending} onClick={go}>
            Clear
          </button>
        </footer>
      </div>
    </Dialog>
  );
}
