/** Days of a year in weeks, and the runs of each day. */
import type { Run, RunState } from "../../api/types";
import type { Settings } from "../../app/settings";
import { instant } from "../../parts/time";

export interface Day {
  /** `2026-11-23`. */
  date: string;
  /** The column: weeks begin on Monday. */
  week: number;
  /** The row: 0 is Monday. */
  weekday: number;
}

const DAY_MS = 86_400_000;

/** Every day of a year, in order. Days are counted, not hours: no clock changes in between. */
export function daysOf(year: number): Day[] {
  const first = Date.UTC(year, 0, 1);
  const before = (new Date(first).getUTCDay() + 6) % 7;
  const count = Math.round((Date.UTC(year + 1, 0, 1) - first) / DAY_MS);
  return Array.from({ length: count }, (_, index) => ({
    date: new Date(first + index * DAY_MS).toISOString().slice(0, 10),
    week: Math.floor((before + index) / 7),
    weekday: (before + index) % 7,
  }));
}

/** The week in which each month begins. */
export function monthsOf(days: readonly Day[]): { name: string; week: number }[] {
  return days
    .filter(({ date }) => date.endsWith("-01"))
    .map(({ date, week }) => ({ name: MONTHS[Number(date.slice(5, 7)) - 1] ?? "", week }));
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** The instant that a run is of: its logical date, or when it was to begin. */
export function instantOf(run: Run): string | undefined {
  return run.logicalDate ?? run.runAfter ?? run.createdAt;
}

/** The runs by their day in a zone. */
export function byDay(runs: readonly Run[], zone: Settings["zone"]): Map<string, Run[]> {
  const days = new Map<string, Run[]>();
  for (const run of runs) {
    const at = instantOf(run);
    if (!at) continue;
    const date = instant(at, zone).slice(0, 10);
    const own = days.get(date);
    if (own) own.push(run);
    else days.set(date, [run]);
  }
  return days;
}

const TELLING: readonly RunState[] = [
  "RUN_STATE_FAILED",
  "RUN_STATE_RUNNING",
  "RUN_STATE_QUEUED",
  "RUN_STATE_SUCCESS",
];

export interface DaySum {
  /** What says most of the day. */
  state: RunState;
  count: number;
  counts: ReadonlyMap<RunState, number>;
}

export function sumOfDay(runs: readonly Run[]): DaySum {
  const counts = new Map<RunState, number>();
  for (const { state } of runs) counts.set(state, (counts.get(state) ?? 0) + 1);
  const state = TELLING.find((each) => counts.has(each)) ?? "RUN_STATE_UNSPECIFIED";
  return { state, count: runs.length, counts };
}
