/** The tasks of a run as a tree: groups, tasks, and the instances of mapped ones. */
import type { DagSpec, TaskState } from "../../api/types";
import { instanceKey } from "../../parts/gantt/bars";
import type { Cell } from "./history";

export interface TreeRow {
  /** Of a group `group:ID`, of an instance its `instanceKey`. */
  key: string;
  kind: "group" | "task" | "instance";
  name: string;
  depth: number;
  taskId: string;
  mapIndex: readonly number[];
  /** Of a group or a mapped task: that of the worst. */
  state: TaskState;
  attempt: number;
  /** How many instances are in which state; of one instance none. */
  counts: ReadonlyMap<TaskState, number> | undefined;
  /** Whether it can unfold, and does. */
  isOpen: boolean | undefined;
}

/** The state that a group of instances is shown in: the first of these that one of them has. */
const ORDER: readonly TaskState[] = [
  "TASK_STATE_FAILED",
  "TASK_STATE_UPSTREAM_FAILED",
  "TASK_STATE_AWAITING_INPUT",
  "TASK_STATE_UP_FOR_RETRY",
  "TASK_STATE_RUNNING",
  "TASK_STATE_UP_FOR_RESCHEDULE",
  "TASK_STATE_DEFERRED",
  "TASK_STATE_QUEUED",
  "TASK_STATE_SCHEDULED",
  "TASK_STATE_NONE",
  "TASK_STATE_SUCCESS",
  "TASK_STATE_SKIPPED",
  "TASK_STATE_REMOVED",
];

export function worst(counts: ReadonlyMap<TaskState, number>): TaskState {
  return ORDER.find((state) => counts.has(state)) ?? "TASK_STATE_NONE";
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
    const real = list.filter((cell) => cell.mapIndex.length > 0);
    // What is said of a mapped task as a whole is said before it has instances.
    if (real.length && real.length < list.length) list.splice(0, list.length, ...real);
    if (list.length > 1) list.sort((one, other) => compare(one.mapIndex, other.mapIndex));
  }
  return found;
}

function compare(one: readonly number[], other: readonly number[]): number {
  for (let at = 0; at < Math.max(one.length, other.length); at++) {
    const by = (one[at] ?? -1) - (other[at] ?? -1);
    if (by) return by;
  }
  return 0;
}

export function countsOf(cells: readonly Cell[]): Map<TaskState, number> {
  const counts = new Map<TaskState, number>();
  for (const { state } of cells) counts.set(state, (counts.get(state) ?? 0) + 1);
  return counts;
}

/** `turned`: groups that are closed and mapped tasks that are open. */
export function treeRows(spec: DagSpec, cells: TaskCells, turned: ReadonlySet<string>): TreeRow[] {
  const rows: TreeRow[] = [];
  const groups = new Map(spec.groups.map((group) => [group.groupId, group]));
  const parentOf = (group: string) => (groups.has(group) ? group : "");
  addLevel("", 0);
  return rows;

  function addLevel(group: string, depth: number): void {
    // Where the first task of a group is, there the group is.
    const done = new Set<string>();
    for (const task of spec.tasks) {
      const inner = childOf(group, parentOf(task.group));
      if (inner === undefined) continue;
      if (inner === "") addTask(task.taskId, group, depth);
      else if (!done.has(inner)) {
        done.add(inner);
        addGroup(inner, depth);
      }
    }
  }

  /** Empty: the task is in the group itself; undefined: it is not below it. */
  function childOf(group: string, of: string): string | undefined {
    if (of === group) return "";
    let at = of;
    while (at) {
      const parent = parentOf(groups.get(at)?.parent ?? "");
      if (parent === group) return at;
      at = parent;
    }
    return undefined;
  }

  function addGroup(groupId: string, depth: number): void {
    const inside = spec.tasks.filter((task) => childOf(groupId, parentOf(task.group)) !== undefined);
    const all = inside.flatMap((task) => cells.get(task.taskId) ?? [none(task.taskId)]);
    const counts = countsOf(all);
    const key = `group:${groupId}`;
    const isOpen = !turned.has(key);
    const label = groups.get(groupId)?.label || groupId;
    rows.push({ key, kind: "group", name: label, depth, taskId: groupId, mapIndex: [], state: worst(counts), attempt: 0, counts, isOpen });
    if (isOpen) addLevel(groupId, depth + 1);
  }

  function addTask(taskId: string, group: string, depth: number): void {
    const own = cells.get(taskId) ?? [none(taskId)];
    const [first] = own;
    const name = group && taskId.startsWith(`${group}.`) ? taskId.slice(group.length + 1) : taskId;
    const isMapped = own.length > 1 || Boolean(first?.mapIndex.length);
    const counts = isMapped ? countsOf(own) : undefined;
    const isOpen = isMapped ? turned.has(taskId) : undefined;
    const state = counts ? worst(counts) : (first?.state ?? "TASK_STATE_NONE");
    rows.push({ key: taskId, kind: "task", name, depth, taskId, mapIndex: [], state, attempt: isMapped ? 0 : (first?.attempt ?? 0), counts, isOpen });
    if (!isOpen) return;
    for (const cell of own) {
      const key = instanceKey(taskId, cell.mapIndex);
      rows.push({ ...cell, key, kind: "instance", name: `[${cell.mapIndex.join(", ")}]`, depth: depth + 1, counts: undefined, isOpen: undefined });
    }
  }
}

function none(taskId: string): Cell {
  return { taskId, mapIndex: [], state: "TASK_STATE_NONE", attempt: 0 };
}
