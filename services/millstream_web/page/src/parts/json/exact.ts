/** JSON as Python writes it: numbers of any size, NaN and infinities, none of them rounded. */

/** A number that JavaScript cannot hold, as it was written. */
export class Exact {
  constructor(readonly text: string) {}
}

const SPECIAL = "\u0000number ";
// A text, which is left alone; a number; or one of the three that JSON does not have.
const TOKENS = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|-?Infinity|NaN/g;
// What may have to be kept as it is written.
const SUSPECT = /NaN|Infinity|\d{16}/;

/** Throws SyntaxError. */
export function parseJson(text: string): unknown {
  if (!SUSPECT.test(text)) return JSON.parse(text) as unknown;
  const marked = text.replace(TOKENS, (token) => (isExact(token) ? JSON.stringify(SPECIAL + token) : token));
  return JSON.parse(marked, (_key, value: unknown) =>
    typeof value === "string" && value.startsWith(SPECIAL) ? new Exact(value.slice(SPECIAL.length)) : value,
  ) as unknown;
}

function isExact(token: string): boolean {
  if (/^-?\d+$/.test(token)) return !Number.isSafeInteger(Number(token));
  return /^(?:NaN|-?Infinity)$/.test(token);
}

/** The value as JSON text again, indented. */
export function toText(value: unknown, indent = 2): string {
  const found: string[] = [];
  const hidden = (_key: string, each: unknown) =>
    each instanceof Exact ? `${SPECIAL}${found.push(each.text) - 1}` : each;
  const text = JSON.stringify(value, hidden, indent) ?? "null";
  return text.replaceAll(/"\\u0000number (\d+)"/g, (_all, at: string) => found[Number(at)] ?? "null");
}
