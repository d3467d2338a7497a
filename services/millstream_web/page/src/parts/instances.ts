/** The task instances of one run: which there are, and in which state, as the events say. */
import type { TaskInstance, TaskState } from "../api/types";
import { type LiveEvent, taskStateAfter } from "../live/fold";
import { stateOfAll } from "./states";

/** What stands for all instances of a task. The counts are those of a mapped task. */
export interface TaskSum {
  state: TaskState;
  done?: number;
  total?: number;
}

/** Whether an instance in this state has done what it will do. */
export const isOver = (state: TaskState): boolean => OVER.has(state);

const OVER: ReadonlySet<TaskState> = new Set<TaskState>([
  "TASK_STATE_SUCCESS",
  "TASK_STATE_FAILED",
  "TASK_STATE_SKIPPED",
  "TASK_STATE_UPSTREAM_FAILED",
]);
/** The map index of a task that is not mapped. */
const ALONE = "";

export class Instances {
  private readonly tasks = new Map<string, Map<string, TaskState>>();

  constructor(found: readonly Pick<TaskInstance, "taskId" | "mapIndex" | "state">[] = []) {
    for (const each of found) this.put(each.taskId, each.mapIndex, each.state);
  }

  /** The tasks of which something is known. */
  get known(): Iterable<string> {
    return this.tasks.keys();
  }

  put(taskId: string, mapIndex: readonly number[], state: TaskState): void {
    let own = this.tasks.get(taskId);
    if (!own) this.tasks.set(taskId, (own = new Map()));
    // A mapped task stands for its instances until these are known.
    if (mapIndex.length) own.delete(ALONE);
    own.set(mapIndex.join("."), state);
  }

  /** The state of an instance; undefined: nothing is known of it. */
  at(taskId: string, mapIndex: readonly number[]): TaskState | undefined {
    return this.tasks.get(taskId)?.get(mapIndex.join("."));
  }

  /** The map indices of a task, in order; none of a task that is not mapped. */
  indices(taskId: string): number[][] {
    return [...(this.tasks.get(taskId)?.keys() ?? [])]
      .filter((index) => index !== ALONE)
      .map((index) => index.split(".").map(Number))
      .sort(compareIndices);
  }

  sum(taskId: string): TaskSum | undefined {
    const own = this.tasks.get(taskId);
    if (!own) return undefined;
    const state = stateOfAll(own.values());
    if (own.has(ALONE)) return { state };
    let total = 0;
    let done = 0;
    for (const each of own.values()) {
      if (each !== "TASK_STATE_REMOVED") total += 1;
      if (isOver(each)) done += 1;
    }
    return { state, done, total };
  }

  /** Let an event of this run change what it changes. The task that is another one now. */
  take(event: LiveEvent): string | undefined {
    const { taskId, mapIndex } = event;
    if (!taskId) return undefined;
    if (event.type === "TaskExpanded") {
      for (let index = 0; index < Number(event.data.length ?? 0); index += 1) {
        const one = [...mapIndex, index];
        this.put(taskId, one, this.at(taskId, one) ?? "TASK_STATE_NONE");
      }
      return taskId;
    }
    const state = taskStateAfter(event);
    if (!state) return undefined;
    if (mapIndex.length || !this.indices(taskId).length) this.put(taskId, mapIndex, state);
    else this.putAll(taskId, state);
    return taskId;
  }

  /** What is said of a mapped task is said of its instances: that those which wait are scheduled. */
  private putAll(taskId: string, state: TaskState): void {
    const own = this.tasks.get(taskId);
    for (const [index, now] of own ?? []) {
      if (state !== "TASK_STATE_SCHEDULED" || now === "TASK_STATE_NONE") own?.set(index, state);
    }
  }
}

export function compareIndices(one: readonly number[], other: readonly number[]): number {
  for (const [at, index] of one.entries()) {
    const apart = index - (other[at] ?? -1);
    if (apart) return apart;
  }
  return one.length - other.length;
}
