/** Days of a year in weeks, and which instants are in them. */
import type { RunState, RunStateCount } from "../../api/types";
import type { Settings } from "../../app/settings";

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

type Zone = Settings["zone"];

/** The zone's name, for whoever counts days in it. */
export function zoneName(zone: Zone): string {
  return zone === "utc" ? "UTC" : Intl.DateTimeFormat().resolvedOptions().timeZone;
}

interface Bounds {
  logicalFrom: string;
  logicalUntil: string;
}

/** From the first instant of a year in a zone up to that of the next one. */
export function yearBounds(year: number, zone: Zone): Bounds {
  return { logicalFrom: midnight(year, 0, 1, zone), logicalUntil: midnight(year + 1, 0, 1, zone) };
}

/** The same of a day such as `2026-11-23`, which may have 23 or 25 hours. */
export function dayBounds(date: string, zone: Zone): Bounds {
  const [year = 0, month = 1, day = 1] = date.split("-").map(Number);
  return {
    logicalFrom: midnight(year, month - 1, day, zone),
    logicalUntil: midnight(year, month - 1, day + 1, zone),
  };
}

function midnight(year: number, month: number, day: number, zone: Zone): string {
  const at = zone === "utc" ? new Date(Date.UTC(year, month, day)) : new Date(year, month, day);
  return at.toISOString();
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
}

export function sumOfDay(counts: readonly RunStateCount[]): DaySum {
  const there = new Set(counts.map(({ state }) => state));
  const state = TELLING.find((each) => there.has(each)) ?? "RUN_STATE_UNSPECIFIED";
  return { state, count: counts.reduce((sum, each) => sum + each.count, 0) };
}
