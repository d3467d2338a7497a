/** A JSON value as the rows of a tree: only what is open is looked at. */
import { Exact } from "./exact";

export type Kind = "object" | "array" | "string" | "number" | "boolean" | "null";

export interface TreeRow {
  /** Keys from the root, as JSON: `["a",0]`. */
  path: string;
  depth: number;
  /** In its object or list; none for the root. */
  name: string | undefined;
  kind: Kind;
  /** The value, or what there is in it. */
  text: string;
  /** How many there are in it. */
  size: number;
  isOpen: boolean;
  /** Instead of a value: so many more that can be shown. */
  more?: number;
}

/** So many parts of a value are shown at first, and with each "show more". */
export const PAGE = 50;
const LONGEST = 2000;

type Path = (string | number)[];

export function kindOf(value: unknown): Kind {
  if (value === null || value === undefined) return "null";
  if (value instanceof Exact) return "number";
  if (Array.isArray(value)) return "array";
  const kind = typeof value;
  return kind === "string" || kind === "boolean" || kind === "number" ? kind : "object";
}

/**
 * `opened`: paths of values that are open, or closed where they would be open by themselves (the
 * first `level` levels). `shown`: how many parts of the value at a path.
 */
export function treeRows(
  value: unknown,
  opened: ReadonlySet<string>,
  shown: ReadonlyMap<string, number>,
  level = 1,
): TreeRow[] {
  const rows: TreeRow[] = [];
  walk(value, [], undefined);
  return rows;

  function walk(each: unknown, path: Path, name: string | undefined): void {
    const key = JSON.stringify(path);
    const kind = kindOf(each);
    const parts = kind === "object" || kind === "array" ? entries(each) : [];
    const isOpen = parts.length > 0 && opened.has(key) !== path.length < level;
    rows.push({ path: key, depth: path.length, name, kind, text: textOf(each, kind), size: parts.length, isOpen });
    if (!isOpen) return;
    const most = shown.get(key) ?? PAGE;
    for (const [part, inner] of parts.slice(0, most)) walk(inner, [...path, part], String(part));
    const more = parts.length - most;
    if (more > 0) {
      const depth = path.length + 1;
      rows.push({ path: key, depth, name: undefined, kind: "null", text: "", size: 0, isOpen: false, more });
    }
  }
}

function entries(value: unknown): [string | number, unknown][] {
  return Array.isArray(value) ? value.map((each, at) => [at, each as unknown]) : Object.entries(value as object);
}

function textOf(value: unknown, kind: Kind): string {
  if (kind === "array") return count((value as unknown[]).length, "item");
  if (kind === "object") return count(Object.keys(value as object).length, "key");
  if (kind === "string") {
    const text = value as string;
    return text.length > LONGEST
      ? `${JSON.stringify(text.slice(0, LONGEST))}… ${text.length.toLocaleString("en")} characters`
      : JSON.stringify(text);
  }
  return value instanceof Exact ? value.text : String(value);
}

function count(size: number, what: string): string {
  return `${size.toLocaleString("en")} ${what}${size === 1 ? "" : "s"}`;
}
