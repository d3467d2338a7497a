/** Values as what somebody types, and back. */
import { fromInput, toInput } from "./instants";
import { type Field } from "./schema";

export type Reading = { value: unknown } | { problem: string };
type Zone = "local" | "utc";

/** The text in the control for a value. */
export function written({ kind }: Pick<Field, "kind">, value: unknown, zone: Zone): string {
  if (kind === "json") return value === undefined ? "" : JSON.stringify(value, null, 2);
  if (value === undefined || value === null) return "";
  if (kind === "lines") return Array.isArray(value) ? value.join("\n") : "";
  if (kind === "date-time") return toInput(String(value), zone);
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** The value that a text stands for; `undefined` for that nothing was said. */
export function understood(
  field: Pick<Field, "kind" | "isNullable" | "hasDefault">,
  text: string,
  zone: Zone,
): Reading {
  const { kind, isNullable, hasDefault } = field;
  if (kind === "lines") return { value: text.split("\n").filter((line) => line.trim() !== "") };
  if (text.trim() === "") {
    if (isNullable) return { value: null };
    // An empty text is a text, but not the answer to a question that has no default.
    if (["text", "multiline"].includes(kind) && hasDefault) return { value: text };
    return hasDefault ? { problem: "must have a value" } : { value: undefined };
  }
  switch (kind) {
    case "integer":
    case "number":
      return ofNumber(text.trim());
    case "json":
      return ofJson(text);
    case "date-time":
      return { value: fromInput(text, zone) };
    case "time":
      // The control leaves out seconds that are 0.
      return { value: /^\d{2}:\d{2}$/.test(text) ? `${text}:00` : text };
    default:
      return { value: text };
  }
}

function ofNumber(text: string): Reading {
  const value = Number(text);
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) || !Number.isFinite(value)) {
    return { problem: "must be a number" };
  }
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
    return { problem: "is too large for a browser to keep exactly; use the command line" };
  }
  return { value };
}

/** JSON, or what is wrong with it. */
export function ofJson(text: string): Reading {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch (error) {
    return { problem: `is no JSON: ${error instanceof Error ? error.message : "?"}` };
  }
}
