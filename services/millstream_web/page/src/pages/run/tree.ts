/** The tasks of a run as rows: groups, tasks, and the instances of mapped ones. */
import type { TaskState } from "../../api/types";
import { instanceKey } from "../../parts/gantt/bars";
import type { Child, GroupTree } from "../../parts/groups";
import { compareIndices } from "../../parts/instances";
import { stateOfAll } from "../../parts/states";
import type { Cell } from "./history";

export interface TreeRow {
  /** Of a group `group:ID`, of an instance its `instanceKey`. */
  key: string;
  kind: "group" | "task" | "instance";
  name: string;
  depth: number;
  taskId: string;
  mapIndex: readonly number[];
  /** Of a group or a mapped task: what stands for all of it. */
  state: TaskState;
  attempt: number;
  /** How many instances are in which state; of one instance none. */
  counts: ReadonlyMap<TaskState, number> | undefined;
  /** Whether it can unfold, and does. */
  isOpen: boolean | undefined;
}

export type TaskCells = ReadonlyMap<string, readonly Cell[]>;
type Placed = Pick<Cell, "taskId" | "mapIndex">;

/** The instances by task, in the order of their indices. */
export function byTask<T extends Placed>(cells: Iterable<T>): Map<string, T[]> {
  const found = new Map<string, T[]>();
  for (const cell of cells) {
    const list = found.get(cell.taskId);
    if (list) list.push(cell);
    else found.set(cell.taskId, [cell]);
  }
  for (const list of found.values()) {
    if (list.length < 2) continue;
    const real = list.filter((cell) => cell.mapIndex.length > 0);
    // What is said of a mapped task as a whole is said before it has instances.
    if (real.length < list.length) list.splice(0, list.length, ...real);
    if (!isInOrder(list)) list.sort((one, other) => compareIndices(one.mapIndex, other.mapIndex));
  }
  return found;
}

/** Most often they are: what is expanded comes in order. To sort ten thousand again takes long. */
function isInOrder(list: readonly Placed[]): boolean {
  return list.every((each, at) => {
    const before = list[at - 1];
    return !before || compareIndices(before.mapIndex, each.mapIndex) < 0;
  });
}

export function countsOf(cells: readonly Cell[]): Map<TaskState, number> {
  const counts = new Map<TaskState, number>();
  for (const { state } of cells) counts.set(state, (counts.get(state) ?? 0) + 1);
  return counts;
}

/** Whether a task has instances rather than being one. */
export function isMapped(cells: readonly Cell[]): boolean {
  return cells.length > 1 || Boolean(cells[0]?.mapIndex.length);
}

/** `turned`: groups that are closed and mapped tasks that are open. */
export function treeRows(tree: GroupTree, cells: TaskCells, turned: ReadonlySet<string>): TreeRow[] {
  const rows: TreeRow[] = [];
  const add = (child: Child): void => {
    if (child.kind === "task") {
      rows.push(...taskRows(child.id, child.label, child.depth, cells.get(child.id) ?? [], turned));
      return;
    }
    const inside = child.tasks.flatMap((taskId) => cells.get(taskId) ?? [none(taskId)]);
    const key = `group:${child.id}`;
    const isOpen = !turned.has(key);
    rows.push({
      ...{ key, kind: "group", name: child.label, depth: child.depth, isOpen },
      ...{ taskId: child.id, mapIndex: [], attempt: 0 },
      state: stateOfAll(inside.map((cell) => cell.state)),
      counts: countsOf(inside),
    });
    if (isOpen) child.children.forEach(add);
  };
  tree.roots.forEach(add);
  return rows;
}

function* taskRows(
  taskId: string,
  name: string,
  depth: number,
  cells: readonly Cell[],
  turned: ReadonlySet<string>,
): Generator<TreeRow> {
  const hasMany = isMapped(cells);
  const isOpen = hasMany ? turned.has(taskId) : undefined;
  const [only = none(taskId)] = cells;
  yield {
    ...{ key: taskId, kind: "task", name, depth, taskId, mapIndex: [], isOpen },
    state: hasMany ? stateOfAll(cells.map((cell) => cell.state)) : only.state,
    attempt: hasMany ? 0 : only.attempt,
    counts: hasMany ? countsOf(cells) : undefined,
  };
  if (!isOpen) return;
  for (const cell of cells) {
    const key = instanceKey(taskId, cell.mapIndex);
    const own = `[${cell.mapIndex.join(", ")}]`;
    yield { ...cell, key, kind: "instance", name: own, depth: depth + 1, counts: undefined, isOpen: undefined };
  }
}

function none(taskId: string): Cell {
  return { taskId, mapIndex: [], state: "TASK_STATE_NONE", attempt: 0 };
}
