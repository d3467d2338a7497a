/** Instants and distances of time as text. */
import { settings } from "../app/settings";

const PART: Intl.DateTimeFormatOptions = {
  year: "numeric",
  month: "2-digit",
  day: "2-digit",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
};
const formats = new Map<string, Intl.DateTimeFormat>();

/** `2026-11-23 07:15:03`, in UTC or in the zone of the browser as the reader chose. */
export function instant(text: string | number | Date, zone = settings.zone): string {
  let format = formats.get(zone);
  if (!format) {
    format = new Intl.DateTimeFormat("sv-SE", { ...PART, ...(zone === "utc" ? { timeZone: "UTC" } : {}) });
    formats.set(zone, format);
  }
  return format.format(new Date(text)).replace(",", "");
}

/** Milliseconds as `340 ms`, `4.2 s`, `3 m 20 s`, `2 h 5 m` or `4 d 3 h`. */
export function duration(ms: number): string {
  const whole = Math.max(0, ms);
  if (whole < 1000) return `${Math.round(whole)} ms`;
  if (whole < 60_000) return `${(whole / 1000).toFixed(1)} s`;
  const seconds = Math.round(whole / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} m ${seconds % 60} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 1440) return `${Math.floor(minutes / 60)} h ${minutes % 60} m`;
  const hours = Math.round(minutes / 60);
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** From the one to the other, or until now. Empty without a beginning. */
export function between(start?: string, end?: string, now = Date.now()): string {
  if (!start) return "";
  return duration((end ? Date.parse(end) : now) - Date.parse(start));
}

/** `3 m 20 s ago` or `in 4.2 s`. */
export function distance(text: string, now = Date.now()): string {
  const ms = now - Date.parse(text);
  if (Math.abs(ms) < 1000) return "now";
  return ms > 0 ? `${duration(ms)} ago` : `in ${duration(-ms)}`;
}
