/** What a grid is made of, asked for and unpacked. Nothing else knows which methods that takes. */
import { read } from "../../api/queries";
import type { GridInstances, GridRun, RunState, TaskInstance, TaskState } from "../../api/types";
import { isOver, type TaskSum } from "../../parts/instances";

export interface GridFilter {
  runTypes: readonly string[];
  states: readonly RunState[];
  most: number;
}

/** What a grid shows of a run besides its tasks. */
export type ShownRun = Pick<
  GridRun,
  "runId" | "state" | "runType" | "logicalDate" | "createdAt" | "startedAt" | "endedAt"
> & { createdPosition: number };

export type Sums = ReadonlyMap<string, TaskSum>;

export interface GridAnswer {
  runs: readonly ShownRun[];
  /** By run. A task that is not there is none of its version. */
  sums: ReadonlyMap<string, Sums>;
}

interface Of {
  namespace: string;
  dagId: string;
}

const PAGE = 1000;

/** The newest runs, as many as are wanted. */
export async function askGrid(of: Of, filter: GridFilter, signal: AbortSignal): Promise<GridAnswer> {
  const runs: ShownRun[] = [];
  const sums = new Map<string, Sums>();
  for (let pageToken = ""; ; ) {
    const page = await read(
      "RunService/GetGrid",
      {
        ...of,
        runTypes: [...filter.runTypes],
        states: [...filter.states],
        pageSize: filter.most - runs.length,
        pageToken,
      },
      signal,
    );
    for (const run of page.runs) {
      runs.push(shownOf(run));
      sums.set(run.runId, unpacked(run, page.taskIds));
    }
    pageToken = page.nextPageToken;
    // A page ends early where its runs have very many instances.
    if (!pageToken || runs.length >= filter.most) return { runs, sums };
  }
}

/** One run of it, anew; undefined if it is not there any more. */
export async function askRun(of: Of, runId: string): Promise<Sums | undefined> {
  const found = await read("RunService/GetGrid", { ...of, runIdPrefix: runId, pageSize: 10 });
  const run = found.runs.find((each) => each.runId === runId);
  return run && unpacked(run, found.taskIds);
}

/** The instances of a mapped task in the runs of a grid, by run. */
export async function askInstances(
  of: Of,
  taskId: string,
  wanted: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<Map<string, TaskInstance[]>> {
  const found = new Map<string, TaskInstance[]>();
  for (let pageToken = ""; ; ) {
    const page = await read(
      "RunService/ListTaskInstances",
      { ...of, taskIds: [taskId], pageSize: PAGE, pageToken },
      signal,
    );
    for (const each of page.taskInstances) {
      if (!wanted.has(each.runId)) continue;
      const own = found.get(each.runId);
      if (own) own.push(each);
      else found.set(each.runId, [each]);
    }
    pageToken = page.nextPageToken;
    // The latest runs come first: behind those that are shown there are only older ones.
    const isPast = found.size === wanted.size && !wanted.has(page.taskInstances.at(-1)?.runId ?? "");
    if (!pageToken || isPast) return found;
  }
}

function shownOf(run: GridRun): ShownRun {
  const { runId, state, runType, createdPosition } = run;
  const { logicalDate = run.runAfter, createdAt, startedAt, endedAt } = run;
  return {
    runId,
    state,
    runType,
    createdPosition: Number(createdPosition),
    ...(logicalDate ? { logicalDate } : {}),
    ...(createdAt ? { createdAt } : {}),
    ...(startedAt ? { startedAt } : {}),
    ...(endedAt ? { endedAt } : {}),
  };
}

// By their numbers in the proto.
const STATES: readonly (TaskState | undefined)[] = [
  undefined,
  "TASK_STATE_NONE",
  "TASK_STATE_QUEUED",
  "TASK_STATE_RUNNING",
  "TASK_STATE_UP_FOR_RETRY",
  "TASK_STATE_SUCCESS",
  "TASK_STATE_FAILED",
  "TASK_STATE_SKIPPED",
  "TASK_STATE_UPSTREAM_FAILED",
  "TASK_STATE_SCHEDULED",
  "TASK_STATE_UP_FOR_RESCHEDULE",
  "TASK_STATE_DEFERRED",
  "TASK_STATE_AWAITING_INPUT",
  "TASK_STATE_REMOVED",
];

/** The tasks of a run: a byte each, in base64. */
export function unpacked(run: Pick<GridRun, "states" | "mapped">, taskIds: readonly string[]): Sums {
  const bytes = atob(run.states);
  const sums = new Map<string, TaskSum>();
  for (const [place, taskId] of taskIds.entries()) {
    const state = STATES[bytes.charCodeAt(place)];
    if (state) sums.set(taskId, { state, ...countsOf(run.mapped[place]) });
  }
  return sums;
}

function countsOf(instances: GridInstances | undefined): { done?: number; total?: number } {
  if (!instances) return {};
  let [done, total] = [0, 0];
  for (const { state, count } of instances.counts) {
    if (state !== "TASK_STATE_REMOVED") total += count;
    if (isOver(state)) done += count;
  }
  return { done, total };
}
