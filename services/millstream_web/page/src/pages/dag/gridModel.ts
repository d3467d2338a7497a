/** The runs of a grid and their cells, as they were asked for and as events change them. */
import { type LiveEvent, runStateAfter } from "../../live/fold";
import { GridCells } from "../../parts/grid/cells";
import type { GroupTree } from "../../parts/groups";
import type { TaskSum } from "../../parts/instances";
import type { GridAnswer, ShownRun, Sums } from "./gridSource";

/** What somebody has to do after events. */
export interface After {
  hasChanged: boolean;
  /** Runs of which only the read tables know what became of a mapped task. */
  askAgain: ReadonlySet<string>;
}

export class GridModel {
  readonly cells: GridCells;
  private readonly runs: Map<string, ShownRun>;
  private shown: ShownRun[] | undefined;

  constructor(
    private readonly tree: GroupTree,
    { runs, sums }: GridAnswer,
  ) {
    this.cells = new GridCells(tree);
    this.runs = new Map(runs.map((run) => [run.runId, run]));
    for (const [runId, own] of sums) this.cells.setRun(runId, own);
  }

  /** The oldest first. The same list until a run comes or changes. */
  get columns(): readonly ShownRun[] {
    this.shown ??= [...this.runs.values()].sort(
      (one, other) => one.createdPosition - other.createdPosition,
    );
    return this.shown;
  }

  /** A run anew, as it was asked for. */
  setRun(runId: string, sums: Sums): void {
    if (this.runs.has(runId)) this.cells.setRun(runId, sums);
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
    if (!before) this.cells.setRun(event.runId, this.begun());
    return true;
  }

  /** The tasks of a run that was just made. */
  private begun(): Sums {
    const none: TaskSum = { state: "TASK_STATE_NONE" };
    return new Map([...this.tree.tasks.keys()].map((id) => [id, none]));
  }
}

/** A run as the event of its creation tells it. */
function runOf({ runId, recordedAt, position, data }: LiveEvent): ShownRun {
  const text = (name: string): string => (typeof data[name] === "string" ? data[name] : "");
  const logicalDate = text("logical_date") || text("run_after");
  return {
    runId,
    state: "RUN_STATE_QUEUED",
    runType: text("run_type"),
    createdPosition: position,
    ...(logicalDate ? { logicalDate } : {}),
    ...(recordedAt ? { createdAt: recordedAt } : {}),
  };
}
