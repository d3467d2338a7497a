/** A piece of time that is looked at, and the instants that are written under it. */
import { settings } from "../../app/settings";
import { instant } from "../time";

export interface Span {
  from: number;
  to: number;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const STEPS = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1, 2, 5, 10, 15, 30].map((count) => count * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((count) => count * MINUTE),
  ...[1, 2, 3, 6, 12].map((count) => count * HOUR),
  ...[1, 2, 7, 14, 30, 90, 365].map((count) => count * DAY),
];
const SHORTEST = 10;

/** At most so many instants, evenly apart, at round times of the reader's zone. */
export function ticks({ from, to }: Span, most: number, zone = settings.zone): number[] {
  const step = STEPS.find((each) => (to - from) / each <= most) ?? STEPS.at(-1) ?? DAY;
  const shift = zone === "utc" ? 0 : new Date(from).getTimezoneOffset() * MINUTE;
  const found: number[] = [];
  for (let at = Math.ceil((from - shift) / step) * step + shift; at <= to; at += step) found.push(at);
  return found;
}

/** A tick in words: as much of it as tells it from its neighbours. */
export function tickLabel(at: number, span: Span, zone = settings.zone): string {
  const text = instant(at, zone);
  if (span.to - span.from > 3 * DAY) return text.slice(5, 10);
  if (text.endsWith("00:00:00") && span.to - span.from > 6 * HOUR) return text.slice(5, 10);
  if (span.to - span.from > 20 * MINUTE) return text.slice(11, 16);
  if (span.to - span.from > 5 * SECOND) return text.slice(11);
  return `${text.slice(17)}.${String(at % 1000).padStart(3, "0")}`;
}

/** Nearer by a factor, around an instant; never beyond `whole`, and not below some milliseconds. */
export function zoomed(span: Span, factor: number, around: number, whole: Span): Span {
  const length = Math.max(SHORTEST, Math.min((span.to - span.from) / factor, whole.to - whole.from));
  const share = (around - span.from) / (span.to - span.from);
  return within({ from: around - share * length, to: around + (1 - share) * length }, whole);
}

/** Moved by a share of its length. */
export function panned(span: Span, share: number, whole: Span): Span {
  const by = (span.to - span.from) * share;
  return within({ from: span.from + by, to: span.to + by }, whole);
}

function within(span: Span, whole: Span): Span {
  const length = Math.min(span.to - span.from, whole.to - whole.from);
  const from = Math.min(Math.max(span.from, whole.from), whole.to - length);
  return { from, to: from + length };
}
