/** The runs of a grid and their cells, as they were asked for and as events change them. */
import type { Run } from "../../api/types";
import { type LiveEvent, runStateAfter } from "../../live/fold";
import { GridCells } from "../../parts/grid/cells";
import type { GroupTree } from "../../parts/groups";
import type { TaskSum } from "../../parts/instances";
import type { GridAnswer, Sums } from "./gridSource";

/** What somebody has to do after events. */
export interface After {
  hasChanged: boolean;
  /** Runs of which only the read tables know what became of a mapped task. */
  askAgain: ReadonlySet<string>;
}

export class GridModel {
  readonly cells: GridCells;
  private readonly runs: Map<string, Run>;
  private shown: Run[] | undefined;

  constructor(
    private readonly tree: GroupTree,
    private readonly latestVersion: number,
    { runs, sums }: GridAnswer,
  ) {
    this.cells = new GridCells(tree);
    this.runs = new Map(runs.map((run) => [run.runId, run]));
    for (const run of runs) this.setRun(run.runId, sums.get(run.runId) ?? new Map());
  }

  /** The oldest first. The same list until a run comes or changes. */
  get columns(): readonly Run[] {
    this.shown ??= [...this.runs.values()].sort(
      (one, other) => Number(one.createdPosition) - Number(other.createdPosition),
    );
    return this.shown;
  }

  setRun(runId: string, sums: Sums): void {
    const run = this.runs.get(runId);
    if (run) this.cells.setRun(runId, this.completed(run, sums));
  }

  take(events: readonly LiveEvent[]): After {
    let hasChanged = false;
    const askAgain = new Set<string>();
    for (const event of events) {
      if (this.takeRun(event)) hasChanged = true;
      const drawn = this.cells.take(event);
      if (!drawn) continue;
      hasChanged = true;
      if (!drawn.isWhole) askAgain.add(event.runId);
    }
    return { hasChanged, askAgain };
  }

  /** A task of this version to which nothing has happened has no status; of another, who knows. */
  private completed(run: Run, sums: Sums): Sums {
    if (run.dagVersion !== this.latestVersion) return sums;
    const none: TaskSum = { state: "TASK_STATE_NONE" };
    return new Map([...this.tree.tasks.keys()].map((id) => [id, sums.get(id) ?? none]));
  }

  private takeRun(event: LiveEvent): boolean {
    const state = runStateAfter(event);
    if (!state) return false;
    const before = this.runs.get(event.runId);
    if (!before && event.type !== "RunCreated") return false;
    const at = event.recordedAt;
    const next = { ...(before ?? runOf(event)), state };
    if (event.type === "RunStarted" && at) next.startedAt = at;
    if (state === "RUN_STATE_SUCCESS" || state === "RUN_STATE_FAILED") {
      if (at) next.endedAt = at;
    } else {
      delete next.endedAt;
    }
    this.runs.set(event.runId, next);
    this.shown = undefined;
    if (!before) this.setRun(event.runId, new Map());
    return true;
  }
}

/** A run as the event of its creation tells it. */
function runOf({ namespace, dagId, runId, recordedAt, position, data }: LiveEvent): Run {
  const text = (name: string): string => (typeof data[name] === "string" ? data[name] : "");
  const logicalDate = text("logical_date");
  return {
    namespace,
    dagId,
    runId,
    dagVersion: Number(data.version ?? 0),
    state: "RUN_STATE_QUEUED",
    runType: text("run_type"),
    ...(logicalDate ? { logicalDate } : {}),
    ...(recordedAt ? { createdAt: recordedAt } : {}),
    note: text("note"),
    reason: "",
    createdPosition: String(position),
    triggeredBy: text("triggered_by"),
    backfillId: text("backfill_id"),
    rerunOf: "",
    rerunPosition: "0",
    rerunStart: "",
  };
}
