/** What events change in a list of DAGs. */
import type { Dag, ListDagsResponse, RunSummary, RunTimes } from "../../api/types";
import { type LiveEvent, runStateAfter } from "../../live/fold";

/** So many runs of each DAG are asked for and shown. */
export const RECENT = 14;

interface Pages {
  pages: ListDagsResponse[];
}

/** The pages as they are after the events; the same object if nothing of it changed. */
export function foldPages<P extends Pages>(data: P, events: readonly LiveEvent[], namespace: string): P {
  const byDag = new Map<string, LiveEvent[]>();
  for (const event of events) {
    if (event.namespace !== namespace || !event.dagId) continue;
    const list = byDag.get(event.dagId);
    if (list) list.push(event);
    else byDag.set(event.dagId, [event]);
  }
  if (!byDag.size) return data;
  const pages = data.pages.map((page) => {
    const dags = page.dags.map((dag) => (byDag.get(dag.dagId) ?? []).reduce(foldDag, dag));
    return dags.some((dag, index) => dag !== page.dags[index]) ? { ...page, dags } : page;
  });
  return pages.some((page, index) => page !== data.pages[index]) ? { ...data, pages } : data;
}

/** One DAG after an event about it; the same object if it says nothing that is shown. */
export function foldDag(dag: Dag, event: LiveEvent): Dag {
  switch (event.type) {
    case "DagPaused":
      return { ...without(dag, "nextRun"), isPaused: true, pauseReason: String(event.data.reason ?? "") };
    case "DagUnpaused":
      return { ...dag, isPaused: false, pauseReason: "" };
    case "NextRunPlanned":
      return planned(dag, event.data.next);
    default: {
      const recentRuns = foldRuns(dag.recentRuns, event);
      return recentRuns === dag.recentRuns ? dag : { ...dag, recentRuns };
    }
  }
}

function foldRuns(runs: RunSummary[], event: LiveEvent): RunSummary[] {
  const state = runStateAfter(event);
  if (!state || !event.runId) return runs;
  const at = runs.findIndex((run) => run.runId === event.runId);
  if (event.type === "RunCreated") {
    if (at >= 0) return runs;
    return [createdRun(event), ...runs].slice(0, RECENT);
  }
  const run = runs[at];
  if (!run) return runs;
  const after: RunSummary = { ...run, state };
  if (state === "RUN_STATE_RUNNING") after.startedAt ??= event.recordedAt;
  if (state === "RUN_STATE_QUEUED" || state === "RUN_STATE_RUNNING") delete after.endedAt;
  else if (event.recordedAt) after.endedAt = event.recordedAt;
  return runs.with(at, after);
}

function createdRun(event: LiveEvent): RunSummary {
  const { logical_date: logicalDate, run_type: runType } = event.data;
  return {
    runId: event.runId,
    state: "RUN_STATE_QUEUED",
    runType: String(runType ?? ""),
    ...(typeof logicalDate === "string" ? { logicalDate } : {}),
    ...(event.recordedAt ? { createdAt: event.recordedAt } : {}),
  };
}

function planned(dag: Dag, next: unknown): Dag {
  if (dag.isPaused) return dag;
  if (typeof next !== "object" || next === null) return without(dag, "nextRun");
  const { run_after, logical_date } = next as Record<string, unknown>;
  const nextRun: RunTimes = {};
  if (typeof run_after === "string") nextRun.runAfter = run_after;
  if (typeof logical_date === "string") nextRun.logicalDate = logical_date;
  return { ...dag, nextRun };
}

function without(dag: Dag, name: "nextRun"): Dag {
  const { [name]: _, ...rest } = dag;
  return rest;
}
