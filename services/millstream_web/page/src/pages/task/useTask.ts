/** The task instances of the page, kept up with the log. */
import { useQuery, useQueryClient, type UseQueryResult } from "@tanstack/react-query";
import { read } from "../../api/queries";
import type { TaskInstance } from "../../api/types";
import type { LiveEvent } from "../../live/fold";
import { useEvents, useRefreshed } from "../../live/hooks";
import { isAbout, patched } from "../../live/instance";
import type { TaskAt } from "./at";

const PAGE = 1000;
/** Of a task with more instances the first are listed. */
export const MOST_INSTANCES = 20_000;

/** The instances that the address names: one, or all of a mapped task. */
export function useInstances({ namespace, dagId, runId, taskId, mapIndex }: TaskAt): UseQueryResult<TaskInstance[], Error> {
  const queries = useQueryClient();
  const key = ["instances", namespace, dagId, runId, taskId, mapIndex];
  const of = { namespace, dagId, runId };
  const found = useQuery<TaskInstance[], Error>({
    queryKey: key,
    queryFn: async ({ signal }) => {
      if (mapIndex) {
        const one = await read("RunService/GetTaskInstance", { ...of, taskId, mapIndex }, signal);
        return one.taskInstance ? [one.taskInstance] : [];
      }
      return readAll({ ...of, taskIds: [taskId] }, signal);
    },
  });
  const isMine = (event: LiveEvent) =>
    event.runId === runId && event.dagId === dagId && (event.taskId === taskId || event.taskId === "");
  useEvents((events) => {
    const mine = events.filter((event) => isMine(event) && event.taskId);
    if (!mine.length) return;
    queries.setQueryData<TaskInstance[]>(key, (before) => before && applied(before, mine));
  });
  useRefreshed(key, isMine, 1500);
  return found;
}

/** The list after events: what is not changed is the same object as before. */
export function applied(tasks: TaskInstance[], events: readonly LiveEvent[]): TaskInstance[] {
  const last = new Map<string, LiveEvent[]>();
  for (const event of events) {
    const place = event.mapIndex.join(",");
    last.set(place, [...(last.get(place) ?? []), event]);
  }
  return tasks.map((task) => {
    const mine = last.get(task.mapIndex.join(","))?.filter((event) => isAbout(event, task));
    return mine ? mine.reduce(patched, task) : task;
  });
}

async function readAll(
  request: { namespace: string; dagId: string; runId: string; taskIds: string[] },
  signal: AbortSignal,
): Promise<TaskInstance[]> {
  const found: TaskInstance[] = [];
  let pageToken = "";
  do {
    const page = await read("RunService/ListTaskInstances", { ...request, pageSize: PAGE, pageToken }, signal);
    found.push(...page.taskInstances);
    pageToken = page.nextPageToken;
  } while (pageToken && found.length < MOST_INSTANCES);
  return found;
}
