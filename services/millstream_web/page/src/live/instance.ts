/** What an event changes in a task instance: the browser's half of the projector. */
import type { TaskInstance } from "../api/types";
import { type LiveEvent, taskStateAfter } from "./fold";

export type InstanceOf = Pick<TaskInstance, "dagId" | "runId" | "taskId" | "mapIndex">;

/** Whether an event is about this instance. */
export function isAbout(event: LiveEvent, of: InstanceOf): boolean {
  return (
    event.taskId === of.taskId &&
    event.runId === of.runId &&
    event.dagId === of.dagId &&
    event.mapIndex.length === of.mapIndex.length &&
    event.mapIndex.every((each, at) => each === of.mapIndex[at])
  );
}

/** The instance after the event: its state, and what of its times and places the event says. */
export function patched(task: TaskInstance, event: LiveEvent): TaskInstance {
  const state = taskStateAfter(event);
  if (state === undefined) return task;
  const next: TaskInstance = { ...task, state };
  const { data } = event;
  const text = (name: string) => (typeof data[name] === "string" ? (data[name] as string) : "");
  switch (event.type) {
    case "TaskReady":
    case "TriggerReady":
      forget(next, "startedAt", "endedAt", "retryAt");
      Object.assign(next, { worker: "", reason: "", traceback: "", queue: text("queue"), takenFrom: "" });
      if (event.recordedAt && event.attempt !== task.attempt) next.queuedAt = event.recordedAt;
      next.attempt = event.attempt;
      break;
    case "TaskStarted":
    case "TriggerStarted":
      next.worker = text("worker");
      next.startedAt = text("started_at");
      break;
    case "TaskFailed":
      next.reason = `${text("error_type")}: ${text("message")}`;
      next.traceback = text("traceback");
      end(next, event);
      break;
    case "TaskSkipped":
    case "TaskUpstreamFailed":
      next.reason = text("reason");
      end(next, event);
      break;
    case "TaskSucceeded":
      // A short attempt's claim comes with its result.
      if (text("worker")) next.worker = text("worker");
      end(next, event);
      break;
    case "TaskLost":
    case "TaskDeferred":
    case "TaskRescheduled":
    case "TaskAwaitsInput":
      end(next, event);
  }
  return next;
}

function end(task: TaskInstance, { data, recordedAt }: LiveEvent): void {
  if (typeof data.started_at === "string") task.startedAt = data.started_at;
  const endedAt = typeof data.ended_at === "string" ? data.ended_at : recordedAt;
  if (endedAt) task.endedAt = endedAt;
}

function forget(task: TaskInstance, ...names: ("startedAt" | "endedAt" | "retryAt")[]): void {
  for (const name of names) delete task[name];
}
