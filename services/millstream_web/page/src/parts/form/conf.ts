/**
 * What a form says: an object that holds what differs from the defaults. The controls and the raw
 * JSON are two views of it, so they are in step.
 */
import { ofJson, understood } from "./texts";
import { type Field, isObject } from "./schema";
import { equal, violations } from "./validate";

export interface Conf {
  values: Readonly<Record<string, unknown>>;
  /** What was typed, as long as it is not another way to write the value. */
  drafts: Readonly<Record<string, { text: string; problem?: string }>>;
  /** The JSON as it was typed. */
  raw?: { text: string; problem?: string };
}

export const EMPTY: Conf = { values: {}, drafts: {} };

/** The value of a field: what was said, or its default. */
export function valueOf(conf: Conf, field: Field): unknown {
  return Object.hasOwn(conf.values, field.name) ? conf.values[field.name] : field.default;
}

/** A value is chosen; undefined: as if nothing had been said. */
export function chosen(conf: Conf, field: Field, value: unknown): Conf {
  const { [field.name]: _, ...drafts } = conf.drafts;
  return { values: valuesWith(conf, field, value), drafts };
}

/** A text is typed into a field. */
export function typed(conf: Conf, field: Field, text: string, zone: "local" | "utc"): Conf {
  const reading = understood(field, text, zone);
  if ("problem" in reading) {
    return { values: conf.values, drafts: { ...conf.drafts, [field.name]: { text, problem: reading.problem } } };
  }
  return { values: valuesWith(conf, field, reading.value), drafts: { ...conf.drafts, [field.name]: { text } } };
}

/** The JSON of all is typed. As long as it is none, the values stay. */
export function typedRaw(conf: Conf, text: string): Conf {
  const reading = text.trim() ? ofJson(text) : { value: {} };
  if ("problem" in reading) return { ...conf, raw: { text, problem: `This ${reading.problem}` } };
  if (!isObject(reading.value)) return { ...conf, raw: { text, problem: "This must be a JSON object." } };
  return { values: reading.value, drafts: {}, raw: { text } };
}

/** The JSON of what was said. */
export function rawOf(conf: Conf): string {
  return conf.raw?.text ?? JSON.stringify(conf.values, null, 2);
}

/** What is wrong, by the names of the fields. */
export function problemsOf(conf: Conf, fields: readonly Field[]): Record<string, string> {
  const found: Record<string, string> = {};
  for (const field of fields) {
    const value = valueOf(conf, field);
    const problem =
      conf.drafts[field.name]?.problem ??
      (value === undefined ? "must have a value" : violations(value, field.schema)[0]);
    if (problem) found[field.name] = problem;
  }
  return found;
}

function valuesWith(conf: Conf, field: Field, value: unknown): Record<string, unknown> {
  const { [field.name]: _, ...others } = conf.values;
  const isDefault = value === undefined || (field.hasDefault && equal(value, field.default));
  return isDefault ? others : { ...others, [field.name]: value };
}
