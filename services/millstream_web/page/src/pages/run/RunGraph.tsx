import type { UseQueryResult } from "@tanstack/react-query";
import { lazy, Suspense, useMemo } from "react";
import { useLocation } from "wouter";
import { useSearchParam } from "../../app/address";
import { paths } from "../../app/paths";
import type { DagSpec, Run, TaskState } from "../../api/types";
import type { MappedCount } from "../../parts/graph/drawn";
import { Query } from "../../parts/Query";
import { stateOfAll } from "../../parts/states";
import type { Snapshot } from "./history";
import { byTask, isMapped } from "./tree";
import type { RunHistory } from "./useRunHistory";

const Graph = lazy(() => import("../../parts/graph/Graph"));

/** The tasks and what they wait for, as they stand or stood. A double click opens one. */
export function RunGraph({
  run,
  spec,
  history,
}: {
  run: Run;
  spec: UseQueryResult<DagSpec | null, Error>;
  history: RunHistory;
}) {
  const [task, setTask] = useSearchParam("task");
  const [, go] = useLocation();
  const { states, counts } = useMemo(() => drawnOf(history.snapshot), [history.snapshot]);
  const { dagId, runId } = run;
  return (
    <Query of={spec}>
      {(answer) =>
        answer && (
          <Suspense fallback={<p className="loading">Loading…</p>}>
            <Graph
              spec={answer}
              states={states}
              counts={counts}
              selected={task}
              onSelect={setTask}
              onOpen={(taskId) => go(paths.task({ dagId, runId, taskId, mapIndex: [] }))}
            />
          </Suspense>
        )
      }
    </Query>
  );
}

const OVER: ReadonlySet<TaskState> = new Set<TaskState>([
  "TASK_STATE_SUCCESS",
  "TASK_STATE_FAILED",
  "TASK_STATE_SKIPPED",
  "TASK_STATE_UPSTREAM_FAILED",
]);

function drawnOf(snapshot: Snapshot): { states: Map<string, TaskState>; counts: Map<string, MappedCount> } {
  const states = new Map<string, TaskState>();
  const counts = new Map<string, MappedCount>();
  for (const [taskId, cells] of byTask(snapshot.cells.values())) {
    states.set(taskId, stateOfAll(cells.map((cell) => cell.state)));
    if (!isMapped(cells)) continue;
    const real = cells.filter((cell) => cell.state !== "TASK_STATE_REMOVED");
    counts.set(taskId, { total: real.length, done: real.filter((cell) => OVER.has(cell.state)).length });
  }
  return { states, counts };
}
