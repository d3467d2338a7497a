import { Link } from "wouter";
import { paths } from "../../app/paths";
import type { TaskInstance } from "../../api/types";
import { Fact } from "../../parts/Fact";
import { instanceKey } from "../../parts/gantt/bars";
import { State } from "../../parts/State";
import { Took, Time } from "../../parts/Time";
import type { TaskAt } from "./at";
import { TaskActions } from "./TaskActions";

/** What it is, how it stands, and what can be done about it. */
export function TaskHead({ at, task }: { at: TaskAt; task: TaskInstance }) {
  return (
    <>
      <div className="head">
        <h1>{instanceKey(task.taskId, task.mapIndex)}</h1>
        {task.mapName && <span className="faint">{task.mapName}</span>}
        <State of={task.state} />
        <TaskActions at={at} task={task} />
      </div>
      <dl className="brief">
        <Fact name="Operator">{task.operator}</Fact>
        <Fact name="Queued">{task.queuedAt && <Time at={task.queuedAt} />}</Fact>
        <Fact name="Started">{task.startedAt && <Time at={task.startedAt} />}</Fact>
        <Fact name={task.endedAt ? "Took" : "Takes"}>
          {task.startedAt && <Took from={task.startedAt} to={task.endedAt} />}
        </Fact>
        <Fact name="Next try">{task.state === "TASK_STATE_UP_FOR_RETRY" && <Time at={task.retryAt} />}</Fact>
        <Fact name="Worker">{task.worker && <Link href={paths.workers()}>{task.worker}</Link>}</Fact>
        <Fact name="Queue">{task.queue}</Fact>
        <Fact name="Pool">
          {task.pool && (
            <Link href={paths.pools()}>
              {task.pool}
              {task.poolSlots > 1 && ` (${task.poolSlots} slots)`}
            </Link>
          )}
        </Fact>
        <Fact name="Taken from">
          {task.takenFrom && <Link href={paths.task({ ...task, runId: task.takenFrom })}>{task.takenFrom}</Link>}
        </Fact>
      </dl>
      {task.reason && task.state !== "TASK_STATE_AWAITING_INPUT" && <p className={`reason ${task.state === "TASK_STATE_FAILED" ? "is-bad" : ""}`}>{task.reason}</p>}
    </>
  );
}
