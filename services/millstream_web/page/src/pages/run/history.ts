/**
 * A run as it stood after each of its events: folded here, from keyframes, so that a drag of the
 * time bar costs a copy and some hundred events, however long the run is.
 */
import type { RunState, TaskState } from "../../api/types";
import { type LiveEvent, runStateAfter, taskStateAfter } from "../../live/fold";
import { instanceKey } from "../../parts/gantt/bars";

export interface Cell {
  taskId: string;
  mapIndex: readonly number[];
  state: TaskState;
  attempt: number;
}

export interface Snapshot {
  run: RunState;
  /** The instances of which the events say something, by `instanceKey`. */
  cells: ReadonlyMap<string, Cell>;
}

interface Frame {
  run: RunState;
  cells: Map<string, Cell>;
}

interface Memo {
  task_id: string;
  map_index?: number[];
  status?: string;
  expanded?: number;
}

const EMPTY: Snapshot = { run: "RUN_STATE_UNSPECIFIED", cells: new Map() };

export class History {
  private events: readonly LiveEvent[] = [];
  /** How it stood before the events 0, every, 2 * every, .. */
  private readonly frames: Frame[] = [];
  private last: Frame = { run: EMPTY.run, cells: new Map() };
  private count = 0;

  constructor(private readonly every = 1024) {}

  /** Take over a longer list of the same events. */
  extend(events: readonly LiveEvent[]): void {
    this.events = events;
    for (; this.count < events.length; this.count++) {
      const event = events[this.count];
      if (this.count % this.every === 0) this.frames.push(copied(this.last));
      if (event) step(this.last, event);
    }
  }

  /** How it stood after the event at that place of the list; -1: before all. */
  at(index: number): Snapshot {
    if (index < 0) return EMPTY;
    if (index >= this.count - 1) return copied(this.last);
    const start = Math.floor(index / this.every);
    const frame = this.frames[start];
    if (!frame) return EMPTY;
    const found = copied(frame);
    for (let at = start * this.every; at <= index; at++) {
      const event = this.events[at];
      if (event) step(found, event);
    }
    return found;
  }
}

/** The place of the last event at or before a position of the log; -1: there is none. */
export function indexAt(events: readonly LiveEvent[], position: number): number {
  let low = 0;
  let high = events.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((events[middle]?.position ?? 0) <= position) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

function copied(frame: Frame): Frame {
  return { run: frame.run, cells: new Map(frame.cells) };
}

function step(frame: Frame, event: LiveEvent): void {
  if (!event.taskId) {
    frame.run = runStateAfter(event) ?? frame.run;
    if (event.type === "ResultsTakenOver") takeOver(frame.cells, event);
    return;
  }
  // The callbacks of a task have events of their own, as `task@on_failure_callback`.
  if (event.taskId.includes("@")) return;
  if (event.type === "TaskResized") resize(frame.cells, event);
  if (event.type === "TaskExpanded" || event.type === "TaskResized") expand(frame.cells, event);
  const state = taskStateAfter(event);
  if (state === undefined) return;
  if (event.type === "TaskScheduled" && Number(event.data.length ?? 0) > 0) schedule(frame.cells, event);
  else put(frame.cells, event.taskId, event.mapIndex, state, event.attempt);
}

function put(
  cells: Map<string, Cell>,
  taskId: string,
  mapIndex: readonly number[],
  state: TaskState,
  attempt: number,
): void {
  const key = instanceKey(taskId, mapIndex);
  cells.set(key, { taskId, mapIndex, state, attempt: attempt || (cells.get(key)?.attempt ?? 0) });
}

/** One event for all instances of a mapped task that have not begun. */
function schedule(cells: Map<string, Cell>, { taskId, mapIndex, data }: LiveEvent): void {
  for (let at = 0; at < Number(data.length); at++) {
    const path = [...mapIndex, at];
    const known = cells.get(instanceKey(taskId, path));
    if (!known || known.state === "TASK_STATE_NONE") put(cells, taskId, path, "TASK_STATE_SCHEDULED", 0);
  }
}

/** The instances that there are now, to which nothing has happened yet. */
function expand(cells: Map<string, Cell>, { taskId, mapIndex, data }: LiveEvent): void {
  for (let at = 0; at < Number(data.length); at++) {
    const path = [...mapIndex, at];
    const known = cells.get(instanceKey(taskId, path));
    if (!known || known.state === "TASK_STATE_REMOVED") put(cells, taskId, path, "TASK_STATE_NONE", 0);
  }
}

function resize(cells: Map<string, Cell>, { taskId, mapIndex, data }: LiveEvent): void {
  const level = mapIndex.length;
  for (const cell of [...cells.values()]) {
    const isBelow = cell.taskId === taskId && mapIndex.every((each, at) => cell.mapIndex[at] === each);
    const index = cell.mapIndex[level];
    if (isBelow && index !== undefined && index >= Number(data.length)) {
      put(cells, taskId, cell.mapIndex, "TASK_STATE_REMOVED", cell.attempt);
    }
  }
}

function takeOver(cells: Map<string, Cell>, { data }: LiveEvent): void {
  for (const memo of (data.tasks ?? []) as Memo[]) {
    if (memo.expanded !== undefined && memo.expanded >= 0) continue;
    const state = `TASK_STATE_${(memo.status ?? "none").toUpperCase()}` as TaskState;
    put(cells, memo.task_id, memo.map_index ?? [], state, 0);
  }
}
