/** What an event says of a task or a run: the browser's half of `core/statuses.py`. */
import type { Event, RunState, TaskState } from "../api/types";

type Data = Record<string, unknown>;

const TASK: Record<string, TaskState | ((data: Data) => TaskState)> = {
  TaskScheduled: "TASK_STATE_SCHEDULED",
  TaskReady: "TASK_STATE_QUEUED",
  TaskStarted: "TASK_STATE_RUNNING",
  TaskSucceeded: "TASK_STATE_SUCCESS",
  TaskFailed: (data) => (data.retry_at ? "TASK_STATE_UP_FOR_RETRY" : "TASK_STATE_FAILED"),
  TaskLost: (data) => (data.is_final ? "TASK_STATE_FAILED" : "TASK_STATE_UP_FOR_RETRY"),
  TaskSkipped: "TASK_STATE_SKIPPED",
  TaskUpstreamFailed: "TASK_STATE_UPSTREAM_FAILED",
  TaskRescheduled: "TASK_STATE_UP_FOR_RESCHEDULE",
  TaskDeferred: "TASK_STATE_DEFERRED",
  TriggerReady: "TASK_STATE_DEFERRED",
  TriggerStarted: "TASK_STATE_DEFERRED",
  TriggerLost: "TASK_STATE_DEFERRED",
  TaskAwaitsInput: "TASK_STATE_AWAITING_INPUT",
  TaskResumed: "TASK_STATE_SCHEDULED",
  TaskStopped: "TASK_STATE_NONE",
  TaskCleared: "TASK_STATE_NONE",
  TaskMarked: (data) => `TASK_STATE_${String(data.state).toUpperCase()}` as TaskState,
};

const RUN: Record<string, RunState> = {
  RunCreated: "RUN_STATE_QUEUED",
  RunStarted: "RUN_STATE_RUNNING",
  RunSucceeded: "RUN_STATE_SUCCESS",
  RunFailed: "RUN_STATE_FAILED",
  RunQuarantined: "RUN_STATE_FAILED",
  RunReopened: "RUN_STATE_QUEUED",
};

/** An event with its data read. */
export interface LiveEvent extends Omit<Event, "position"> {
  position: number;
  data: Data;
}

export function read(event: Event): LiveEvent {
  return { ...event, position: Number(event.position), data: JSON.parse(event.dataJson) as Data };
}

/** The state in which an event leaves its task; undefined for an event that is not about that. */
export function taskStateAfter(event: LiveEvent): TaskState | undefined {
  const found = TASK[event.type];
  return typeof found === "function" ? found(event.data) : found;
}

/** The state in which an event leaves its run; undefined for an event that is not about that. */
export function runStateAfter(event: LiveEvent): RunState | undefined {
  return RUN[event.type];
}
