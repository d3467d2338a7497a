/**
 * What the cells of a grid show. It is changed in place, one cell for an event, and says of each row
 * whether it changed: ten thousand cells are not gone through because one of them is green now.
 */
import type { TaskInstance } from "../../api/types";
import { type LiveEvent, taskStateAfter } from "../../live/fold";
import { around, type GroupTree } from "../groups";
import { compareIndices, Instances, type TaskSum } from "../instances";
import { stateOfAll } from "../states";
import type { GridRow } from "./rows";

type FoundInstance = Pick<TaskInstance, "taskId" | "mapIndex" | "state">;

export class GridCells {
  private readonly sums = new Map<string, Map<string, TaskSum>>();
  private readonly instances = new Map<string, Instances>();
  private readonly stamps = new Map<string, number>();
  private readonly known = new Map<string, Map<string, readonly number[]>>();
  private epoch = 0;
  /** Another number when `indices` has more to say. */
  shape = 0;

  constructor(private readonly tree: GroupTree) {}

  /** All that is known of a run, by task. */
  setRun(runId: string, sums: ReadonlyMap<string, TaskSum>): void {
    this.sums.set(runId, new Map(sums));
    this.epoch += 1;
  }

  /** Instances of a mapped task, of which its row is unfolded. */
  putInstances(runId: string, found: readonly FoundInstance[]): void {
    let known = this.instances.get(runId);
    if (!known) this.instances.set(runId, (known = new Instances()));
    for (const each of found) {
      known.put(each.taskId, each.mapIndex, each.state);
      this.noteIndex(each.taskId, each.mapIndex);
    }
    this.epoch += 1;
  }

  /** The map indices that instances of a task have in any run, in order. */
  indices(taskId: string): readonly (readonly number[])[] {
    return [...(this.known.get(taskId)?.values() ?? [])].sort(compareIndices);
  }

  at(runId: string, row: GridRow): TaskSum | undefined {
    if (row.kind === "instance") {
      const state = this.instances.get(runId)?.at(row.id, row.mapIndex);
      return state && { state };
    }
    const sums = this.sums.get(runId);
    if (!sums || row.kind === "task") return sums?.get(row.id);
    const found = row.tasks.flatMap((task) => sums.get(task)?.state ?? []);
    if (!found.length) return undefined;
    // A task to which nothing happened is one that is not over.
    const rest = found.length < row.tasks.length ? ["TASK_STATE_NONE" as const] : [];
    return { state: stateOfAll([...found, ...rest]) };
  }

  /** Changes when a cell of the row may have changed. */
  stampOf(row: GridRow): string {
    return `${this.epoch}.${this.stamps.get(row.kind === "group" ? `group:${row.id}` : row.id) ?? 0}`;
  }

  /**
   * Draw what an event says. False if it is not about a cell here; `isWhole` is false if the read
   * tables have to say what became of the whole task, because not all of its instances are known.
   */
  take(event: LiveEvent): { isWhole: boolean } | false {
    const { runId, taskId } = event;
    const sums = this.sums.get(runId);
    if (!sums || !taskId) return false;
    // The instances of a task that is unfolded are followed from the first on.
    if (event.type === "TaskExpanded" && this.known.has(taskId)) this.putInstances(runId, []);
    const known = this.instances.get(runId);
    const state = taskStateAfter(event);
    const now = sums.get(taskId);
    if (known?.sum(taskId)?.total !== undefined || (known && event.type === "TaskExpanded")) {
      if (!known.take(event)) return false;
      if (event.type === "TaskExpanded")
        for (const index of known.indices(taskId)) this.noteIndex(taskId, index);
      const sum = known.sum(taskId);
      if (sum) sums.set(taskId, sum);
    } else if (!state) {
      return event.type === "TaskExpanded" ? { isWhole: false } : false;
    } else if (event.mapIndex.length || now?.total !== undefined) {
      sums.set(taskId, { ...now, state: stateOfAll(now ? [now.state, state] : [state]) });
      this.touch(taskId);
      return { isWhole: false };
    } else {
      sums.set(taskId, { state });
    }
    this.touch(taskId);
    return { isWhole: true };
  }

  private noteIndex(taskId: string, mapIndex: readonly number[]): void {
    if (!mapIndex.length) return;
    let own = this.known.get(taskId);
    if (!own) this.known.set(taskId, (own = new Map()));
    const key = mapIndex.join(".");
    if (own.has(key)) return;
    own.set(key, mapIndex);
    this.shape += 1;
  }

  private touch(taskId: string): void {
    const groups = around(this.tree, this.tree.tasks.get(taskId)?.parent ?? "");
    for (const key of [taskId, ...groups.map((id) => `group:${id}`)]) {
      this.stamps.set(key, (this.stamps.get(key) ?? 0) + 1);
    }
  }
}
