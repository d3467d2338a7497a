/** What a list of DAGs shall show, in its address and as a request. */
import type { Request } from "../../api/call";
import type { RunState } from "../../api/types";
import { RECENT } from "./fold";

export const SORTS = [
  { id: "", name: "By name" },
  { id: "last_run_at desc", name: "Last run first" },
  { id: "next_run_after", name: "Next run first" },
  { id: "submitted_at desc", name: "Newest first" },
] as const;

export const STATES: readonly { id: string; name: string }[] = [
  { id: "", name: "Any last run" },
  { id: "running", name: "Running" },
  { id: "queued", name: "Queued" },
  { id: "failed", name: "Failed" },
  { id: "success", name: "Succeeded" },
];

/** The request for the parameters of an address; what it does not know it leaves out. */
export function requestOf(params: URLSearchParams, namespace: string): Request<"DagService/ListDags"> {
  const state = params.get("state") ?? "";
  const paused = params.get("paused");
  const sort = SORTS.find(({ id }) => id === params.get("sort"))?.id ?? "";
  return {
    namespace,
    pageSize: 60,
    recentRuns: RECENT,
    search: params.get("search") ?? "",
    tags: params.getAll("tag"),
    allTags: true,
    owners: params.getAll("owner"),
    lastRunStates: STATES.some(({ id }) => id && id === state)
      ? [`RUN_STATE_${state.toUpperCase()}` as RunState]
      : [],
    ...(paused === "yes" || paused === "no" ? { isPaused: paused === "yes" } : {}),
    orderBy: sort,
  };
}

/** Whether anything is left out. */
export function isNarrowed(params: URLSearchParams): boolean {
  return ["search", "tag", "owner", "state", "paused"].some((name) => params.get(name));
}
