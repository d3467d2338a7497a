/** Assets and the DAGs around them as a graph: what makes an asset, and what it starts. */
import type { Asset, AssetEvent, Dag, DagSpec, RunState, TaskSpec, TaskState } from "../../api/types";

const ASSET = "asset:";
const DAG = "dag:";

/** What is drawn, in the form of a DAG: the graph's own view is reused as it is. */
export interface AssetGraph {
  spec: DagSpec;
  states: Map<string, TaskState>;
}

export const assetNode = (name: string) => ASSET + name;
export const dagNode = (dagId: string) => DAG + dagId;

/** What a node stands for. */
export function nodeOf(id: string): { kind: "asset" | "dag"; name: string } {
  const kind = id.startsWith(ASSET) ? "asset" : "dag";
  return { kind, name: id.slice(kind.length + 1) };
}

/**
 * The graph. An edge from a DAG to an asset is an update that it made; one from an asset to a DAG is
 * in the words of the DAG's schedule, where the API names assets.
 */
export function assetGraph(
  assets: readonly Asset[],
  events: readonly AssetEvent[],
  dags: readonly Dag[],
): AssetGraph {
  const names = new Set(assets.map((asset) => asset.name));
  const byId = new Map(dags.map((dag) => [dag.dagId, dag]));
  const upstream = new Map<string, Set<string>>();
  const add = (from: string, to: string) => upstream.set(to, (upstream.get(to) ?? new Set()).add(from));
  for (const event of events) {
    if (event.dagId && names.has(event.name)) add(dagNode(event.dagId), assetNode(event.name));
  }
  for (const dag of dags) {
    for (const name of namedIn(dag.schedule, names)) add(assetNode(name), dagNode(dag.dagId));
  }
  const ids = new Set([...assets.map((asset) => assetNode(asset.name)), ...upstream.keys()]);
  for (const sources of upstream.values()) for (const source of sources) ids.add(source);
  const states = new Map<string, TaskState>();
  for (const id of ids) {
    const { kind, name } = nodeOf(id);
    const state = kind === "dag" ? byId.get(name)?.recentRuns[0]?.state : undefined;
    if (state) states.set(id, asTask(state));
  }
  const tasks = [...ids].map((id) => nodeSpec(id, [...(upstream.get(id) ?? [])], byId));
  return { spec: { ...EMPTY, tasks }, states };
}

/** The assets that a schedule names: `assets: orders and (prices or a b)`. */
export function namedIn(schedule: string, names: ReadonlySet<string>): string[] {
  const at = schedule.indexOf("assets: ");
  if (at < 0) return [];
  const parts = schedule.slice(at + "assets: ".length).split(/\s+(?:and|or)\s+|[()]/);
  return [...new Set(parts.map((part) => part.trim()))].filter((part) => names.has(part));
}

function asTask(state: RunState): TaskState {
  return state.replace("RUN_STATE", "TASK_STATE") as TaskState;
}

function nodeSpec(id: string, upstream: string[], dags: ReadonlyMap<string, Dag>): TaskSpec {
  const { kind, name } = nodeOf(id);
  return {
    ...NODE,
    taskId: id,
    upstream,
    operator: kind === "asset" ? "asset" : "DAG",
    displayName: kind === "dag" ? dags.get(name)?.displayName || name : name,
  };
}

const NODE: TaskSpec = {
  taskId: "",
  operator: "",
  upstream: [],
  triggerRule: "",
  retries: 0,
  queue: "",
  exclusive: false,
  doc: "",
  line: 0,
  isSetup: false,
  isTeardown: false,
  onFailureFailDagrun: false,
  mappedOver: [],
  group: "",
  edgeLabels: {},
  displayName: "",
  owner: "",
  pool: "",
  weightRule: "",
  dependsOnPast: false,
  waitForDownstream: false,
  waitForPastDependsBeforeSkipping: false,
  callbacks: [],
  inlets: [],
  outlets: [],
  returnsDagResult: false,
  isolation: "",
  resources: {},
};

const EMPTY: DagSpec = {
  dagId: "assets",
  tasks: [],
  timezone: "UTC",
  catchup: false,
  tags: [],
  description: "",
  doc: "",
  file: "",
  displayName: "",
  groups: [],
  failFast: false,
  maxConsecutiveFailedDagRuns: 0,
  fairnessKey: "",
  callbacks: [],
  deadlines: [],
};
