/** The API's refusals beside the fields that they are about. */
import type { ApiError } from "../../api/call";

const PARAM = /^Param '([^']*)' of DAG .*; (?:it )?(.*)$/s;
const MISSING = /^Param '([^']*)' of .* has no default/s;

export interface Refusal {
  /** By the names of params. */
  params: Record<string, string>;
  /** By the names of the request's fields: `run_id`. */
  fields: Record<string, string>;
  /** What is about none of these. */
  rest: string[];
}

/** What an error says of which field. `known`: the request's fields that the form shows. */
export function refusalOf(error: ApiError | null, known: readonly string[]): Refusal {
  const refusal: Refusal = { params: {}, fields: {}, rest: [] };
  if (!error) return refusal;
  if (!error.violations.length) refusal.rest.push(error.message);
  for (const { field, description } of error.violations) {
    const param = PARAM.exec(description);
    const missing = MISSING.exec(description);
    if (missing?.[1] !== undefined) refusal.params[missing[1]] = "must have a value";
    else if (param?.[1] !== undefined) refusal.params[param[1]] = param[2]?.replace(/\.$/, "") ?? description;
    else if (known.includes(field)) refusal.fields[field] = description;
    else refusal.rest.push(`${field}: ${description}`);
  }
  return refusal;
}
