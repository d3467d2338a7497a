/** The last runs of a DAG as bars. */
import type { RunSummary } from "../../api/types";
import { lookOf } from "../../parts/states";
import { duration, instant } from "../../parts/time";

export interface Bar {
  runId: string;
  state: RunSummary["state"];
  /** From 0 to 1, the longest of these runs being 1. */
  height: number;
  title: string;
}

/** What has hardly begun is seen all the same. */
const LOWEST = 0.18;

/** A bar for each run, the oldest first; runs that go on have lasted until `now`. */
export function barsOf(runs: readonly RunSummary[], now: number): Bar[] {
  const lengths = runs.map((run) => lengthOf(run, now));
  const longest = Math.max(...lengths, 1);
  return runs
    .map((run, index) => {
      const ms = lengths[index] ?? 0;
      const words = [lookOf(run.state).word, run.startedAt && duration(ms), whenOf(run), run.runId];
      return {
        runId: run.runId,
        state: run.state,
        height: Math.max(LOWEST, ms / longest),
        title: words.filter(Boolean).join(" · "),
      };
    })
    .reverse();
}

function lengthOf(run: RunSummary, now: number): number {
  if (!run.startedAt) return 0;
  return Math.max(0, (run.endedAt ? Date.parse(run.endedAt) : now) - Date.parse(run.startedAt));
}

function whenOf(run: RunSummary): string {
  const at = run.logicalDate ?? run.createdAt;
  return at ? instant(at) : "";
}
