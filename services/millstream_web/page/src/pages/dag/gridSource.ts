/** What a grid is made of, asked for. Nothing else knows which methods that takes. */
import { read } from "../../api/queries";
import type { Run, RunState, TaskInstance } from "../../api/types";
import { Instances, type TaskSum } from "../../parts/instances";

export interface GridFilter {
  runTypes: readonly string[];
  states: readonly RunState[];
  most: number;
}

export type Sums = Map<string, TaskSum>;

export interface GridAnswer {
  /** The newest first. */
  runs: Run[];
  sums: Map<string, Sums>;
}

interface Of {
  namespace: string;
  dagId: string;
}

const PAGE = 1000;

export async function askGrid(of: Of, filter: GridFilter, signal: AbortSignal): Promise<GridAnswer> {
  const { runs } = await read(
    "RunService/ListRuns",
    { ...of, runTypes: [...filter.runTypes], states: [...filter.states], pageSize: filter.most },
    signal,
  );
  const wanted = new Set(runs.map((run) => run.runId));
  const found = await instancesOf({ ...of }, wanted, signal);
  return { runs, sums: new Map([...found].map(([runId, own]) => [runId, sumsOf(own)])) };
}

/** One run of it, anew. */
export async function askRun(of: Of, runId: string, signal?: AbortSignal): Promise<Sums> {
  const found = await instancesOf({ ...of, runId }, new Set([runId]), signal);
  return sumsOf(found.get(runId) ?? []);
}

/** The instances of a mapped task in the runs of a grid. */
export function askInstances(
  of: Of,
  taskId: string,
  wanted: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<Map<string, TaskInstance[]>> {
  return instancesOf({ ...of, taskIds: [taskId] }, wanted, signal);
}

/** By run. The latest runs come first: the list is read until all that are wanted are passed. */
async function instancesOf(
  request: Of & { runId?: string; taskIds?: string[] },
  wanted: ReadonlySet<string>,
  signal?: AbortSignal,
): Promise<Map<string, TaskInstance[]>> {
  const found = new Map<string, TaskInstance[]>();
  if (!wanted.size) return found;
  for (let pageToken = ""; ; ) {
    const page = await read(
      "RunService/ListTaskInstances",
      { ...request, pageSize: PAGE, pageToken },
      signal,
    );
    for (const each of page.taskInstances) {
      // Of one run they do not say which one it is.
      const runId = each.runId || request.runId || "";
      if (!wanted.has(runId)) continue;
      const own = found.get(runId);
      if (own) own.push(each);
      else found.set(runId, [each]);
    }
    pageToken = page.nextPageToken;
    const last = page.taskInstances.at(-1)?.runId ?? "";
    const isPast = found.size === wanted.size && !request.runId && !wanted.has(last);
    if (!pageToken || isPast) return found;
  }
}

function sumsOf(found: readonly TaskInstance[]): Sums {
  const own = new Instances(found);
  const sums: Sums = new Map();
  for (const taskId of own.known) {
    const sum = own.sum(taskId);
    if (sum) sums.set(taskId, sum);
  }
  return sums;
}
