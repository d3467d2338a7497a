import { useState } from "react";
import { useRead } from "../../api/queries";
import type { TaskInstance } from "../../api/types";
import { ClearDialog } from "../../parts/control/ClearDialog";
import { MarkDialog } from "../../parts/control/MarkDialog";
import { RerunDialog } from "../../parts/control/RerunDialog";
import type { TaskAt } from "./at";

/** Clear, mark, and rerun from here. */
export function TaskActions({ at, task }: { at: TaskAt; task: TaskInstance }) {
  const [open, setOpen] = useState<"clear" | "mark" | "rerun" | null>(null);
  const of = { namespace: at.namespace, dagId: task.dagId, runId: task.runId };
  const run = useRead("RunService/GetRun", of, { enabled: open === "rerun" });
  const tasks = [{ taskId: task.taskId, mapIndex: task.mapIndex }];
  const close = () => setOpen(null);
  return (
    <div className="actions">
      <button type="button" onClick={() => setOpen("clear")}>
        Clear…
      </button>
      <button type="button" onClick={() => setOpen("mark")}>
        Mark…
      </button>
      <button type="button" onClick={() => setOpen("rerun")}>
        Rerun from here…
      </button>
      {open === "clear" && <ClearDialog of={of} tasks={tasks} onClose={close} />}
      {open === "mark" && <MarkDialog of={of} tasks={tasks} onClose={close} />}
      {open === "rerun" && run.data?.run && <RerunDialog run={run.data.run} tasks={tasks} onClose={close} />}
    </div>
  );
}
