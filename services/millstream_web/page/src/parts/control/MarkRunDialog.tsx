import { useState } from "react";
import type { Run, RunState } from "../../api/types";
import { Dialog } from "../Dialog";
import { Failure } from "../Query";
import { useAct } from "../useAct";
import "./control.css";

/** Say how a run ends; one that goes on and is marked failed is cancelled. */
export function MarkRunDialog({ run, state, onClose }: { run: Run; state: RunState; onClose: () => void }) {
  const [note, setNote] = useState("");
  const { namespace, dagId, runId } = run;
  const isCancel = state === "RUN_STATE_FAILED" && run.state !== "RUN_STATE_SUCCESS";
  const mark = useAct("RunService/MarkRun", {
    words: () => (isCancel ? `Cancelled ${runId}` : `Marked ${runId} ${word}`),
    isQuiet: true,
  });
  const word = state === "RUN_STATE_SUCCESS" ? "success" : "failed";
  return (
    <Dialog title={isCancel ? "Cancel the run" : `Mark the run ${word}`} onClose={onClose}>
      <div className="form">
        <p>
          {isCancel
            ? "What runs is stopped and fails, what has not begun is skipped, and the run fails. Teardowns still run."
            : `The run, and with it all of its tasks, is marked ${word}. What runs is stopped.`}
        </p>
        <label>
          Note
          <input value={note} onChange={(event) => setNote(event.target.value)} />
        </label>
        {mark.error && <Failure error={mark.error} />}
        <footer>
          <button type="button" onClick={onClose}>
            Leave it
          </button>
          <button
            type="button"
            className={isCancel ? "danger" : "main"}
            disabled={mark.isPending}
            onClick={() => mark.mutate({ namespace, dagId, runId, state, note }, { onSuccess: onClose })}
          >
            {isCancel ? "Cancel the run" : `Mark ${word}`}
          </button>
        </footer>
      </div>
    </Dialog>
  );
}
