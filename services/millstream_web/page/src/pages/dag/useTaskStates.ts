/** The states of one run's tasks: asked for once, and then as the events say. */
import { useQuery } from "@tanstack/react-query";
import { useMemo, useReducer, useRef } from "react";
import { read } from "../../api/queries";
import type { Run, TaskInstance, TaskState } from "../../api/types";
import { taskStateAfter } from "../../live/fold";
import { useEvents, useRefreshed } from "../../live/hooks";
import type { MappedCount } from "../../parts/graph/drawn";
import { stateOfAll } from "../../parts/states";

const PAGE = 1000;
const OVER: ReadonlySet<TaskState> = new Set<TaskState>([
  "TASK_STATE_SUCCESS",
  "TASK_STATE_FAILED",
  "TASK_STATE_SKIPPED",
  "TASK_STATE_UPSTREAM_FAILED",
  "TASK_STATE_REMOVED",
]);

/** Of each task, its instances: by the map index as text, empty for a task that is not mapped. */
export type Instances = Map<string, Map<string, TaskState>>;

export function byTask(found: readonly TaskInstance[]): Instances {
  const tasks: Instances = new Map();
  for (const each of found) put(tasks, each.taskId, each.mapIndex, each.state);
  return tasks;
}

export function put(
  tasks: Instances,
  taskId: string,
  mapIndex: readonly number[],
  state: TaskState,
): void {
  let instances = tasks.get(taskId);
  if (!instances) tasks.set(taskId, (instances = new Map()));
  // What stood for the task before it was known how many instances there are.
  if (mapIndex.length) instances.delete("");
  instances.set(mapIndex.join("."), state);
}

export function summed(tasks: Instances): {
  states: Map<string, TaskState>;
  counts: Map<string, MappedCount>;
} {
  const states = new Map<string, TaskState>();
  const counts = new Map<string, MappedCount>();
  for (const [taskId, instances] of tasks) {
    states.set(taskId, stateOfAll(instances.values()));
    if (instances.has("")) continue;
    const all = [...instances.values()].filter((state) => state !== "TASK_STATE_REMOVED");
    counts.set(taskId, { done: all.filter((state) => OVER.has(state)).length, total: all.length });
  }
  return { states, counts };
}

const NAME = "states of a run";

/** Undefined without a run, or until they are known. */
export function useTaskStates(run: Run | undefined): ReturnType<typeof summed> | undefined {
  const key = [NAME, run?.namespace, run?.dagId, run?.runId];
  const of = useRef<Instances>(new Map());
  const [version, changed] = useReducer((count: number) => count + 1, 0);
  const found = useQuery({
    queryKey: key,
    enabled: run !== undefined,
    queryFn: async ({ signal }) => byTask(run ? await instancesOf(run, signal) : []),
  });
  if (found.data && of.current !== found.data) of.current = found.data;
  const isOurs = (event: { dagId: string; runId: string }): boolean =>
    event.runId === run?.runId && event.dagId === run.dagId;
  useEvents((events) => {
    let isNew = false;
    for (const event of events) {
      const state = isOurs(event) && event.taskId ? taskStateAfter(event) : undefined;
      if (!state) continue;
      put(of.current, event.taskId, event.mapIndex, state);
      isNew = true;
    }
    if (isNew) changed();
  });
  // How many instances there are, and which are gone, only the read tables say.
  useRefreshed(key, (event) => isOurs(event) && !taskStateAfter(event));
  // eslint-disable-next-line react-hooks/exhaustive-deps
  const sum = useMemo(() => summed(of.current), [found.data, version]);
  return found.data && sum;
}

async function instancesOf(run: Run, signal: AbortSignal): Promise<TaskInstance[]> {
  const all: TaskInstance[] = [];
  const { namespace, dagId, runId } = run;
  for (let pageToken = ""; ; ) {
    const page = await read(
      "RunService/ListTaskInstances",
      { namespace, dagId, runId, pageSize: PAGE, pageToken },
      signal,
    );
    all.push(...page.taskInstances);
    pageToken = page.nextPageToken;
    if (!pageToken) return all;
  }
}
