/** Instants as the browser's control for dates and times takes them, in UTC or in its own zone. */

type Zone = "local" | "utc";

/** `2026-11-23T07:15:00` for an instant; empty for what is none. */
export function toInput(iso: string | undefined, zone: Zone): string {
  const at = new Date(iso ?? "");
  if (Number.isNaN(at.getTime())) return "";
  const shifted = zone === "utc" ? at : new Date(at.getTime() - at.getTimezoneOffset() * 60_000);
  return shifted.toISOString().slice(0, 19);
}

/** The instant for what a control says; undefined for nothing. */
export function fromInput(text: string, zone: Zone): string | undefined {
  const at = new Date(zone === "utc" && text ? `${text}Z` : text);
  return Number.isNaN(at.getTime()) ? undefined : at.toISOString().replace(".000Z", "Z");
}
