/** The tasks of a DAG as a tree of their groups, in the order of the spec. */
import type { DagSpec, GroupSpec, TaskSpec } from "../api/types";

export interface TaskLeaf {
  kind: "task";
  id: string;
  /** Its display name, or its id without what its group put before it. */
  label: string;
  /** The group around it; empty: none. */
  parent: string;
  /** In how many groups it is. */
  depth: number;
  spec: TaskSpec;
}

export interface GroupBranch {
  kind: "group";
  id: string;
  label: string;
  parent: string;
  depth: number;
  spec: GroupSpec;
  children: Child[];
  /** Every task in it, those of the groups in it too. */
  tasks: string[];
}

export type Child = TaskLeaf | GroupBranch;

export interface GroupTree {
  roots: Child[];
  tasks: ReadonlyMap<string, TaskLeaf>;
  /** Without groups that have no task. */
  groups: ReadonlyMap<string, GroupBranch>;
}

/** A group stands where its first task does. */
export function treeOf(spec: Pick<DagSpec, "tasks" | "groups">): GroupTree {
  const known = new Map(spec.groups.map((group) => [group.groupId, group]));
  const groups = new Map<string, GroupBranch>();
  const tasks = new Map<string, TaskLeaf>();
  const roots: Child[] = [];

  const branch = (id: string): GroupBranch | undefined => {
    const made = groups.get(id);
    if (made) return made;
    const found = known.get(id);
    if (!found) return undefined;
    // Taken out first, so that groups which name each other as parents come to an end.
    known.delete(id);
    const parent = branch(found.parent);
    const made_now: GroupBranch = {
      kind: "group",
      id,
      label: found.label || shortened(id, parent?.id),
      parent: parent?.id ?? "",
      depth: parent ? parent.depth + 1 : 0,
      spec: found,
      children: [],
      tasks: [],
    };
    groups.set(id, made_now);
    (parent?.children ?? roots).push(made_now);
    return made_now;
  };

  for (const task of spec.tasks) {
    const parent = branch(task.group);
    const leaf: TaskLeaf = {
      kind: "task",
      id: task.taskId,
      label: task.displayName || shortened(task.taskId, parent?.id),
      parent: parent?.id ?? "",
      depth: parent ? parent.depth + 1 : 0,
      spec: task,
    };
    tasks.set(task.taskId, leaf);
    (parent?.children ?? roots).push(leaf);
    for (let at = parent; at; at = groups.get(at.parent)) at.tasks.push(task.taskId);
  }
  return { roots, tasks, groups };
}

/** The groups around a task or a group, the innermost first. */
export function around(tree: GroupTree, parent: string): string[] {
  const found: string[] = [];
  for (let at = tree.groups.get(parent); at; at = tree.groups.get(at.parent)) found.push(at.id);
  return found;
}

function shortened(id: string, group: string | undefined): string {
  return group && id.startsWith(`${group}.`) ? id.slice(group.length + 1) : id;
}
