/** The address of everything that the page can show. Whoever has a link sees the same. */
import type { ControlledTask, TaskInstance } from "../api/types";

const q = encodeURIComponent;

function query(parts: Record<string, string | number | undefined>): string {
  const found = Object.entries(parts).filter(([, value]) => value !== undefined && value !== "");
  return found.length ? `?${found.map(([name, value]) => `${name}=${q(String(value))}`).join("&")}` : "";
}

export type DagTab =
  | "grid"
  | "graph"
  | "gantt"
  | "calendar"
  | "runs"
  | "code"
  | "versions"
  | "details";
export type RunTab = "graph" | "grid" | "gantt" | "events" | "xcoms" | "details";
export type TaskTab = "log" | "attempts" | "xcoms" | "rendered" | "why" | "events" | "details";

export const paths = {
  home: () => "/",
  dags: (search: { tag?: string; search?: string } = {}) => `/dags${query(search)}`,
  dag: (dagId: string, tab?: DagTab) => `/dags/${q(dagId)}${tab ? `/${tab}` : ""}`,
  trigger: (dagId: string) => `/dags/${q(dagId)}/trigger`,
  backfill: (dagId: string) => `/dags/${q(dagId)}/backfill`,
  run: (dagId: string, runId: string, tab?: RunTab, at?: number) =>
    `/dags/${q(dagId)}/runs/${q(runId)}${tab ? `/${tab}` : ""}${query({ at })}`,
  compare: (dagId: string, runId: string, other: string) =>
    `/dags/${q(dagId)}/runs/${q(runId)}/compare/${q(other)}`,
  task: (
    of: Pick<TaskInstance | ControlledTask, "dagId" | "runId" | "taskId" | "mapIndex">,
    tab?: TaskTab,
    attempt?: number,
  ) =>
    `/dags/${q(of.dagId)}/runs/${q(of.runId)}/tasks/${q(of.taskId)}${tab ? `/${tab}` : ""}` +
    query({ map: of.mapIndex.length ? of.mapIndex.join(",") : undefined, attempt }),
  assets: () => "/assets",
  approvals: () => "/approvals",
  pools: () => "/pools",
  variables: () => "/variables",
  connections: () => "/connections",
  workers: () => "/workers",
  audit: () => "/audit",
  access: () => "/access",
  importErrors: () => "/import-errors",
};
