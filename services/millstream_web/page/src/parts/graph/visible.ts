/**
 * What of a DAG is drawn when some groups are folded: a folded group stands for all that is in it,
 * and its tasks' edges are its own.
 */
import { around, type Child, type GroupTree } from "../groups";

export interface VisibleNode {
  /** `task:`, `group:` or `join:` and its id: a group may be called as a task is. */
  id: string;
  kind: "task" | "group" | "folded" | "join";
  /** The id of the task or the group; empty for a join. */
  of: string;
  label: string;
  /** The node around it; empty: none. */
  parent: string;
}

export interface VisibleEdge {
  id: string;
  source: string;
  target: string;
  label: string;
}

export interface VisibleGraph {
  /** What contains comes before what is in it. */
  nodes: VisibleNode[];
  edges: VisibleEdge[];
}

export const taskNode = (id: string): string => `task:${id}`;
export const groupNode = (id: string): string => `group:${id}`;

// From how many edges fewer on it is worth to draw a point through which they all go.
const WORTH_A_JOIN = 6;

export function visibleGraph(tree: GroupTree, folded: ReadonlySet<string>): VisibleGraph {
  const nodes: VisibleNode[] = [];
  const stands = new Map<string, string>();
  const walk = (children: readonly Child[], parent: string): void => {
    for (const child of children) {
      const shared = { of: child.id, label: child.label, parent };
      if (child.kind === "task") {
        const id = taskNode(child.id);
        nodes.push({ id, kind: "task", ...shared });
        stands.set(child.id, id);
        continue;
      }
      const id = groupNode(child.id);
      const isFolded = folded.has(child.id);
      nodes.push({ id, kind: isFolded ? "folded" : "group", ...shared });
      if (isFolded) for (const task of child.tasks) stands.set(task, id);
      else walk(child.children, id);
    }
  };
  walk(tree.roots, "");
  return joined(nodes, edgesOf(tree, stands));
}

function edgesOf(tree: GroupTree, stands: ReadonlyMap<string, string>): VisibleEdge[] {
  const found = new Map<string, { source: string; target: string; labels: Set<string> }>();
  for (const [taskId, leaf] of tree.tasks) {
    const target = stands.get(taskId);
    for (const upstream of leaf.spec.upstream) {
      const source = stands.get(upstream);
      if (!source || !target || source === target) continue;
      const id = `${source}>${target}`;
      const edge = found.get(id) ?? { source, target, labels: new Set() };
      found.set(id, edge);
      const label = leaf.spec.edgeLabels[upstream];
      if (label) edge.labels.add(label);
    }
  }
  return [...found].map(([id, { source, target, labels }]) => ({
    id,
    source,
    target,
    label: [...labels].join(", "),
  }));
}

/**
 * Where many tasks wait for the same many others, each with each, the edges go through one point:
 * m + n edges instead of m * n.
 */
function joined(nodes: VisibleNode[], edges: VisibleEdge[]): VisibleGraph {
  const parents = new Map(nodes.map((node) => [node.id, node.parent]));
  const replaced = new Set<VisibleEdge>();
  const joins: VisibleNode[] = [];
  const through: VisibleEdge[] = [];
  for (const { sources, targets, between } of alike(edges)) {
    if (between.length - sources.length - targets.length < WORTH_A_JOIN) continue;
    const id = `join:${joins.length}`;
    const parent = containing([...sources, ...targets], parents);
    joins.push({ id, kind: "join", of: "", label: "", parent });
    for (const edge of between) replaced.add(edge);
    for (const source of sources)
      through.push({ id: `${source}>${id}`, source, target: id, label: "" });
    for (const target of targets)
      through.push({ id: `${id}>${target}`, source: id, target, label: "" });
  }
  return {
    nodes: [...nodes, ...joins],
    edges: [...edges.filter((edge) => !replaced.has(edge)), ...through],
  };
}

interface Alike {
  sources: string[];
  targets: string[];
  between: VisibleEdge[];
}

/** The nodes in sets that wait for the same sources. An edge with a label is one by itself. */
function alike(edges: readonly VisibleEdge[]): Iterable<Alike> {
  const into = new Map<string, VisibleEdge[]>();
  for (const edge of edges) {
    if (edge.label) continue;
    const found = into.get(edge.target);
    if (found) found.push(edge);
    else into.set(edge.target, [edge]);
  }
  const sets = new Map<string, Alike>();
  for (const [target, found] of into) {
    const sources = found.map((edge) => edge.source).sort();
    const key = JSON.stringify(sources);
    const set = sets.get(key) ?? { sources, targets: [], between: [] };
    sets.set(key, set);
    set.targets.push(target);
    set.between.push(...found);
  }
  return sets.values();
}

/** The innermost node around all of them; empty: none. */
function containing(ids: readonly string[], parents: ReadonlyMap<string, string>): string {
  const chain = (id: string): string[] => {
    const found: string[] = [];
    for (let at = parents.get(id); at; at = parents.get(at)) found.push(at);
    return found;
  };
  const [first = "", ...rest] = ids;
  const others = rest.map((id) => new Set(chain(id)));
  return chain(first).find((id) => others.every((other) => other.has(id))) ?? "";
}

// A graph of more tasks than this begins with its groups folded.
const MANY_TASKS = 200;

/** The groups that are folded before anybody folds or unfolds one. */
export function foldedAtFirst(tree: GroupTree): ReadonlySet<string> {
  return new Set(tree.tasks.size > MANY_TASKS ? tree.groups.keys() : []);
}

/** `folded` without the groups in which the task is; the same set if none of them was folded. */
export function unfoldedTo(
  tree: GroupTree,
  folded: ReadonlySet<string>,
  taskId: string,
): ReadonlySet<string> {
  const hiding = around(tree, tree.tasks.get(taskId)?.parent ?? "").filter((id) => folded.has(id));
  if (!hiding.length) return folded;
  const left = new Set(folded);
  for (const id of hiding) left.delete(id);
  return left;
}
