/** The rows of a grid: groups, tasks and the instances of mapped tasks, as far as they are unfolded. */
import type { Child, GroupTree } from "../groups";

export interface GridRow {
  kind: "task" | "group" | "instance";
  /** Tells rows apart. */
  key: string;
  /** Of the task or the group. */
  id: string;
  label: string;
  depth: number;
  mapIndex: readonly number[];
  /** Undefined: there is nothing to unfold. */
  isOpen?: boolean;
  /** The tasks that it stands for. */
  tasks: readonly string[];
}

export interface Unfolding {
  /** Groups that are folded. */
  folded: ReadonlySet<string>;
  /** The instances of the mapped tasks that are unfolded. */
  instances: ReadonlyMap<string, readonly (readonly number[])[]>;
}

/** With a search: the tasks whose id or name has the text in it, and the groups around them. */
export function gridRows(tree: GroupTree, unfolding: Unfolding, search = ""): GridRow[] {
  const text = search.trim().toLowerCase();
  const rows: GridRow[] = [];
  const walk = (children: readonly Child[]): boolean => {
    const before = rows.length;
    for (const child of children) {
      if (child.kind === "task") {
        if (matches(child.id, child.label, text)) pushTask(rows, child, unfolding);
        continue;
      }
      // A search looks into folded groups too.
      const isOpen = text !== "" || !unfolding.folded.has(child.id);
      rows.push({
        kind: "group",
        key: `group:${child.id}`,
        id: child.id,
        label: child.label,
        depth: child.depth,
        mapIndex: [],
        isOpen,
        tasks: child.tasks,
      });
      if (isOpen && !walk(child.children)) rows.pop();
    }
    return rows.length > before;
  };
  walk(tree.roots);
  return rows;
}

function pushTask(
  rows: GridRow[],
  { id, label, depth, spec }: Extract<Child, { kind: "task" }>,
  unfolding: Unfolding,
): void {
  const instances = unfolding.instances.get(id);
  const isMapped = spec.mappedOver.length > 0 || instances !== undefined;
  const shared = { id, tasks: [id] };
  rows.push({
    kind: "task",
    key: `task:${id}`,
    label,
    depth,
    mapIndex: [],
    ...(isMapped ? { isOpen: instances !== undefined } : {}),
    ...shared,
  });
  for (const mapIndex of instances ?? []) {
    const index = mapIndex.join(".");
    rows.push({
      kind: "instance",
      key: `task:${id}[${index}]`,
      label: `[${index}]`,
      depth: depth + 1,
      mapIndex,
      ...shared,
    });
  }
}

function matches(id: string, label: string, text: string): boolean {
  return text === "" || id.toLowerCase().includes(text) || label.toLowerCase().includes(text);
}
