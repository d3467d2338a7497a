/** The states of one run's tasks: asked for once, and then as the events say. */
import { useQuery } from "@tanstack/react-query";
import { useMemo, useReducer, useRef } from "react";
import { read } from "../../api/queries";
import type { Run, TaskInstance, TaskState } from "../../api/types";
import { feed } from "../../live/feed";
import type { LiveEvent } from "../../live/fold";
import { Heard } from "../../live/heard";
import { useEvents, useRefreshed } from "../../live/hooks";
import type { MappedCount } from "../../parts/graph/drawn";
import { Instances } from "../../parts/instances";

const PAGE = 1000;
const NAME = "states of a run";
// What becomes of many instances at once, only the read tables say.
const OF_MANY: ReadonlySet<string> = new Set(["TaskResized", "TaskCleared", "TaskMarked", "RunReopened"]);

export interface TaskStates {
  states: ReadonlyMap<string, TaskState>;
  counts: ReadonlyMap<string, MappedCount>;
}

/** Undefined without a run, or until they are known. */
export function useTaskStates(run: Run | undefined): TaskStates | undefined {
  const key = [NAME, run?.namespace, run?.dagId, run?.runId];
  const heard = useRef(new Heard());
  const [version, changed] = useReducer((count: number) => count + 1, 0);
  const isOurs = (event: LiveEvent): boolean =>
    event.runId === run?.runId && event.dagId === run.dagId && event.namespace === run.namespace;
  const found = useQuery({
    queryKey: key,
    enabled: run !== undefined,
    // It is changed in place.
    structuralSharing: false,
    gcTime: 0,
    queryFn: async ({ signal }) => {
      const began = feed.position;
      const instances = new Instances(run ? await instancesOf(run, signal) : []);
      for (const event of heard.current.since(began)) if (isOurs(event)) instances.take(event);
      return instances;
    },
  });
  useEvents((events) => {
    const ours = events.filter(isOurs);
    heard.current.add(ours);
    const isNew = ours.map((event) => found.data?.take(event)).some(Boolean);
    if (isNew) changed();
  });
  useRefreshed(key, (event) => isOurs(event) && OF_MANY.has(event.type));
  return useMemo(() => found.data && summed(found.data), [found.data, version]);
}

function summed(instances: Instances): TaskStates {
  const states = new Map<string, TaskState>();
  const counts = new Map<string, MappedCount>();
  for (const taskId of instances.known) {
    const sum = instances.sum(taskId);
    if (!sum) continue;
    states.set(taskId, sum.state);
    if (sum.total !== undefined) counts.set(taskId, { done: sum.done ?? 0, total: sum.total });
  }
  return { states, counts };
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
