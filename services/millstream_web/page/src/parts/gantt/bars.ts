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
  state?: TaskState;
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

/** The bars of a run's instances, event by event. */
export class Bars {
  readonly of = new Map<string, Bar[]>();

  apply(event: LiveEvent): void {
    const state = taskStateAfter(event);
    if (!event.taskId || state === undefined) return;
    for (const key of this.keysOf(event)) this.step(key, event, state);
  }

  /** A mapped task is scheduled with one event: all of its instances that have not begun. */
  private keysOf({ type, taskId, mapIndex, data }: LiveEvent): string[] {
    const length = type === "TaskScheduled" ? Number(data.length ?? 0) : 0;
    if (!length) return [instanceKey(taskId, mapIndex)];
    const keys = Array.from({ length }, (_, at) => instanceKey(taskId, [...mapIndex, at]));
    return keys.filter((key) => this.of.get(key)?.at(-1)?.to !== undefined || !this.of.has(key));
  }

  private step(key: string, event: LiveEvent, state: TaskState): void {
    const at = event.recordedAt ? Date.parse(event.recordedAt) : 0;
    let bars = this.of.get(key);
    if (!bars) this.of.set(key, (bars = []));
    const open = bars.at(-1);
    if (open && open.to === undefined) {
      // A trigger that begins, or begins anew, goes on waiting.
      if (open.state === state && state === "TASK_STATE_DEFERRED") return;
      open.to = Math.max(open.from, at);
      open.last = event.position;
      const outcome = open.state === "TASK_STATE_RUNNING" ? OUTCOMES[event.type] : undefined;
      if (outcome) open.outcome = outcome;
    }
    if (OPEN.has(state)) bars.push({ state, attempt: event.attempt, from: at, first: event.position });
  }
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
