/** What task instances did when: bars, from the events of a run or from how its tasks stand. */
import type { TaskInstance, TaskState } from "../../api/types";
import { type LiveEvent, taskStateAfter } from "../../live/fold";

export interface Bar {
  /** What it was in. */
  state: TaskState;
  /** How the attempt ended that ran here; undefined as long as it runs, and for a wait. */
  outcome?: TaskState;
  attempt: number;
  from: number;
  /** Undefined: it goes on. */
  to?: number;
  /** Of the events with which it began and ended. */
  first: number;
  last?: number;
}

export interface GanttRow {
  key: string;
  name: string;
  /** Where a click on the name leads. */
  to?: string;
  bars: readonly Bar[];
}

const OPEN: ReadonlySet<TaskState> = new Set<TaskState>([
  "TASK_STATE_SCHEDULED",
  "TASK_STATE_QUEUED",
  "TASK_STATE_RUNNING",
  "TASK_STATE_UP_FOR_RETRY",
  "TASK_STATE_UP_FOR_RESCHEDULE",
  "TASK_STATE_DEFERRED",
  "TASK_STATE_AWAITING_INPUT",
]);
const OUTCOMES: Record<string, TaskState> = {
  TaskSucceeded: "TASK_STATE_SUCCESS",
  TaskFailed: "TASK_STATE_FAILED",
  TaskLost: "TASK_STATE_FAILED",
  TaskSkipped: "TASK_STATE_SKIPPED",
  TaskStopped: "TASK_STATE_NONE",
};

export function instanceKey(taskId: string, mapIndex: readonly number[]): string {
  return mapIndex.length ? `${taskId}[${mapIndex.join(",")}]` : taskId;
}

/** What one instance did. Never changed: something new about it is a new one. */
export interface Lane {
  taskId: string;
  mapIndex: readonly number[];
  bars: readonly Bar[];
}

/** The bars of a run's instances, event by event. */
export class Bars {
  readonly of = new Map<string, Lane>();

  apply(event: LiveEvent): void {
    const state = taskStateAfter(event);
    if (!event.taskId || state === undefined) return;
    const length = event.type === "TaskScheduled" ? Number(event.data.length ?? 0) : 0;
    if (!length) {
      // The result of a short attempt is its claim as well: it began, and is over.
      if (event.type === "TaskSucceeded" && event.data.worker) this.step(event.mapIndex, event, "TASK_STATE_RUNNING");
      return this.step(event.mapIndex, event, state);
    }
    // A mapped task is scheduled with one event: all of its instances that have not begun.
    for (let at = 0; at < length; at++) {
      const path = [...event.mapIndex, at];
      const last = this.of.get(instanceKey(event.taskId, path))?.bars.at(-1);
      if (!last || last.to !== undefined) this.step(path, event, state);
    }
  }

  private step(mapIndex: readonly number[], event: LiveEvent, state: TaskState): void {
    const { taskId, attempt, position } = event;
    const at = event.recordedAt ? Date.parse(event.recordedAt) : 0;
    const key = instanceKey(taskId, mapIndex);
    const before = this.of.get(key)?.bars ?? [];
    const last = before.at(-1);
    // A trigger that begins, or begins anew, goes on waiting.
    if (last && last.to === undefined && last.state === state && state === "TASK_STATE_DEFERRED") return;
    const bars = last && last.to === undefined ? [...before.slice(0, -1), ended(last, event, at)] : [...before];
    if (OPEN.has(state)) bars.push({ state, attempt, from: at, first: position });
    this.of.set(key, { taskId, mapIndex, bars });
  }
}

function ended(bar: Bar, { type, position }: LiveEvent, at: number): Bar {
  const outcome = bar.state === "TASK_STATE_RUNNING" ? OUTCOMES[type] : undefined;
  return { ...bar, to: Math.max(bar.from, at), last: position, ...(outcome ? { outcome } : {}) };
}

/** The bars as they stood at a position of the log, the last of them cut at that instant. */
export function barsAt(bars: readonly Bar[], position: number, at: number): Bar[] {
  const begun = bars.filter((bar) => bar.first <= position);
  return begun.map((bar) => {
    if (bar.last !== undefined && bar.last <= position) return bar;
    const { outcome: _outcome, ...open } = bar;
    return { ...open, to: Math.max(bar.from, at) };
  });
}

/** What is known of an instance without its events: the wait and the run of its latest attempt. */
export function barsOfInstance(task: TaskInstance): Bar[] {
  const bars: Bar[] = [];
  const at = (text: string | undefined) => (text ? Date.parse(text) : undefined);
  const [queued, started, ended] = [at(task.queuedAt), at(task.startedAt), at(task.endedAt)];
  const known = { attempt: task.attempt, first: 0 };
  const until = started ?? ended;
  if (queued !== undefined) {
    bars.push({ ...known, state: "TASK_STATE_QUEUED", from: queued, ...(until ? { to: until } : {}) });
  }
  if (started === undefined) return bars;
  const isOver = ended !== undefined;
  bars.push({
    ...known,
    state: "TASK_STATE_RUNNING",
    from: started,
    ...(isOver ? { to: ended, outcome: task.state } : {}),
  });
  if (isOver && OPEN.has(task.state)) bars.push({ ...known, state: task.state, from: ended });
  return bars;
}
