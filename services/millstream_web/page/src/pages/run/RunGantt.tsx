import { useMemo } from "react";
import { paths } from "../../app/paths";
import type { DagSpec, Run } from "../../api/types";
import { type Bars, type GanttRow, instanceKey } from "../../parts/gantt/bars";
import { Gantt } from "../../parts/gantt/Gantt";
import { byTask } from "./tree";
import type { RunHistory } from "./useRunHistory";

/** What each instance did when, in the order of the DAG. */
export function RunGantt({
  run,
  spec,
  history,
  isLive,
}: {
  run: Run;
  spec: DagSpec | null;
  history: RunHistory;
  isLive: boolean;
}) {
  const { events, index, snapshot, bars } = history;
  const rows = useMemo(() => rowsOf(run, spec, bars), [run.dagId, run.runId, spec, bars, events]);
  const event = events[index];
  const cut = isLive ? undefined : { position: event?.position ?? 0, at: Date.parse(event?.recordedAt ?? "") };
  return <Gantt rows={rows} cut={cut} stateOf={(key) => snapshot.cells.get(key)?.state} />;
}

function rowsOf({ dagId, runId }: Run, spec: DagSpec | null, bars: Bars): GanttRow[] {
  const lanes = byTask(bars.of.values());
  const known = spec?.tasks.map((task) => task.taskId) ?? [];
  // Tasks that a version before this one had stand at the end.
  const ids = new Set([...known, ...lanes.keys()]);
  return [...ids].flatMap((taskId) =>
    (lanes.get(taskId) ?? []).map((lane) => {
      const key = instanceKey(taskId, lane.mapIndex);
      const to = paths.task({ dagId, runId, taskId, mapIndex: [...lane.mapIndex] });
      return { key, name: key, to, bars: lane.bars };
    }),
  );
}
