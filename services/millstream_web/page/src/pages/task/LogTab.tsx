import { Link } from "wouter";
import { paths } from "../../app/paths";
import type { TaskInstance } from "../../api/types";
import { LogViewer } from "../../parts/log/LogViewer";
import { Empty } from "../../parts/Query";
import { type TaskAt, useLine } from "./at";

/** What the attempt printed and logged; without a chosen attempt the latest, and those after it. */
export function LogTab({ at, task }: { at: TaskAt; task: TaskInstance }) {
  const line = useLine();
  const { dagId, runId, taskId, mapIndex } = task;
  if (task.takenFrom) {
    const there = { ...task, runId: task.takenFrom };
    return (
      <Empty>
        It ran in <Link href={paths.task(there, "log")}>{task.takenFrom}</Link>, and its log is there.
      </Empty>
    );
  }
  if (!task.attempt) return <Empty>It has not run yet, so there is no log.</Empty>;
  return (
    <LogViewer
      of={{ namespace: at.namespace, dagId, runId, taskId, mapIndex, attempt: at.attempt }}
      line={line}
      linkOf={({ attempt, number }) =>
        `${paths.task(task, "log", attempt === task.attempt && !at.attempt ? undefined : attempt)}#L${number + 1}`
      }
      begun={task.attempt}
      fileName={`${[dagId, runId, taskId, ...mapIndex].join("_")}_${at.attempt || task.attempt}.log`}
    />
  );
}
