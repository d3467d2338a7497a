import { useState } from "react";
import type { Run } from "../../api/types";
import { ClearDialog } from "../../parts/control/ClearDialog";
import { MarkRunDialog } from "../../parts/control/MarkRunDialog";
import { RerunDialog } from "../../parts/control/RerunDialog";
import { TriggerAgainDialog } from "../../parts/control/TriggerAgainDialog";
import { ChooseOther } from "./ChooseOther";

type Open = "clear" | "success" | "failed" | "rerun" | "again" | "compare";

/** What can be done with a run. */
export function RunActions({ run, at }: { run: Run; at: number | undefined }) {
  const [open, setOpen] = useState<Open | null>(null);
  const { namespace, dagId, runId } = run;
  const of = { namespace, dagId, runId };
  const close = () => setOpen(null);
  const isOver = run.state === "RUN_STATE_SUCCESS" || run.state === "RUN_STATE_FAILED";
  const actions: [Open, string, boolean][] = [
    ["clear", "Clear…", true],
    ["success", "Mark success…", !isOver || run.state === "RUN_STATE_FAILED"],
    ["failed", isOver ? "Mark failed…" : "Cancel…", run.state !== "RUN_STATE_FAILED"],
    ["rerun", at === undefined ? "Rerun…" : "Rerun from here…", true],
    ["again", "Trigger again…", true],
    ["compare", "Compare…", true],
  ];
  return (
    <div className="actions">
      {actions.map(([id, name, isThere]) =>
        isThere ? (
          <button key={id} type="button" onClick={() => setOpen(id)}>
            {name}
          </button>
        ) : null,
      )}
      {open === "clear" && <ClearDialog of={of} onlyFailed={run.state === "RUN_STATE_FAILED"} onClose={close} />}
      {open === "success" && <MarkRunDialog run={run} state="RUN_STATE_SUCCESS" onClose={close} />}
      {open === "failed" && <MarkRunDialog run={run} state="RUN_STATE_FAILED" onClose={close} />}
      {open === "rerun" && <RerunDialog run={run} at={at} onClose={close} />}
      {open === "again" && <TriggerAgainDialog run={run} onClose={close} />}
      {open === "compare" && <ChooseOther run={run} onClose={close} />}
    </div>
  );
}
