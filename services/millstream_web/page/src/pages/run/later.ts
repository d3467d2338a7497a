/**
 * How a run of more events than are loaded stood after the last of those, and stands now: asked of
 * the server, which folds as well, instead of folded here.
 */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import type { Answer, Request } from "../../api/call";
import { read } from "../../api/queries";
import type { Run, TaskInstance } from "../../api/types";
import { useRefreshed } from "../../live/hooks";
import { instanceKey } from "../../parts/gantt/bars";
import type { Cell, Snapshot } from "./history";

const PAGE = 1000;
const MOST_PAGES = 30;
/** The server folds the whole run for each answer. */
const QUIET_MS = 400;
const REFRESH_MS = 5000;

/** Undefined until it is known. `position` undefined: now. */
export function useLater(run: Run, position: number | undefined, isWanted: boolean): Snapshot | undefined {
  const { namespace, dagId, runId } = run;
  const settled = useSettled(position);
  const key = ["later", namespace, dagId, runId, settled];
  const found = useQuery<Snapshot, Error>({
    queryKey: key,
    queryFn: ({ signal }) => ask({ namespace, dagId, runId }, settled, run, signal),
    enabled: isWanted,
    placeholderData: keepPreviousData,
  });
  const isLive = isWanted && position === undefined;
  useRefreshed(key, (event) => isLive && event.runId === runId && event.dagId === dagId, REFRESH_MS);
  return found.data;
}

async function ask(
  of: { namespace: string; dagId: string; runId: string },
  position: number | undefined,
  run: Run,
  signal: AbortSignal,
): Promise<Snapshot> {
  if (position === undefined) {
    const now = await pages((page) => read("RunService/ListTaskInstances", { ...of, ...page }, signal));
    return { run: run.state, cells: cellsOf(now) };
  }
  const at = { at: { position } };
  const then = await read("HistoryService/GetRunAt", { ...of, ...at }, signal);
  const tasks = await pages((page) => read("HistoryService/ListTaskInstancesAt", { ...of, ...at, ...page }, signal));
  return { run: then.run?.state ?? "RUN_STATE_UNSPECIFIED", cells: cellsOf(tasks) };
}

type Page = Pick<Request<"RunService/ListTaskInstances">, "pageSize" | "pageToken">;
type Pages = Pick<Answer<"RunService/ListTaskInstances">, "taskInstances" | "nextPageToken">;

async function pages(next: (page: Page) => Promise<Pages>): Promise<TaskInstance[]> {
  const found: TaskInstance[] = [];
  let pageToken = "";
  for (let count = 0; count < MOST_PAGES; count++) {
    const page = await next({ pageSize: PAGE, pageToken });
    found.push(...page.taskInstances);
    pageToken = page.nextPageToken;
    if (!pageToken) break;
  }
  return found;
}

export function cellsOf(tasks: readonly TaskInstance[]): ReadonlyMap<string, Cell> {
  return new Map(
    tasks.map(({ taskId, mapIndex, state, attempt }) => [
      instanceKey(taskId, mapIndex),
      { taskId, mapIndex, state, attempt },
    ]),
  );
}

/** The value as soon as it has not changed for a moment. */
function useSettled<T>(value: T): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), QUIET_MS);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}
