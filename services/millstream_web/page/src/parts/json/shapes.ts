/** What a value could be looked at as, besides a tree. */
import { Exact } from "./exact";

/** A list of objects, as a table. */
export interface Grid {
  columns: string[];
  rows: Record<string, unknown>[];
}

const MOST_COLUMNS = 50;

/** The table that a value is: a list of two or more objects that have most of their keys in common. */
export function gridOf(value: unknown): Grid | null {
  if (!Array.isArray(value) || value.length < 2) return null;
  const seen = new Map<string, number>();
  for (const each of value) {
    if (!isObject(each)) return null;
    for (const key of Object.keys(each)) seen.set(key, (seen.get(key) ?? 0) + 1);
  }
  const filled = [...seen.values()].reduce((sum, times) => sum + times, 0);
  if (!seen.size || seen.size > MOST_COLUMNS || filled < (value.length * seen.size) / 2) return null;
  return { columns: [...seen.keys()], rows: value as Record<string, unknown>[] };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Exact);
}

const MAGIC: [string, number[]][] = [
  ["image/png", [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]],
  ["image/jpeg", [0xff, 0xd8, 0xff]],
];

/**
 * The picture that a value is, as a data: URL: base64 of a PNG or a JPEG, as its first bytes say, in
 * a text or in the bytes of Python. Nothing else ever becomes a URL.
 */
export function pictureOf(value: unknown): string | null {
  const data = isObject(value) && value.__type__ === "bytes" ? value.data : value;
  const text = isObject(data) ? data.base64 : data;
  if (typeof text !== "string" || text.length < 24) return null;
  const encoded = text.replace(/^data:image\/(?:png|jpeg);base64,/, "").replace(/\s+/g, "");
  if (encoded.length % 4 || !/^[A-Za-z0-9+/]+={0,2}$/.test(encoded)) return null;
  const start = atob(encoded.slice(0, 16));
  const found = MAGIC.find(([, bytes]) => bytes.every((byte, at) => start.charCodeAt(at) === byte));
  return found ? `data:${found[0]};base64,${encoded}` : null;
}

/** What a codec says: that the value is of a type of Python, and whether its bytes are JSON. */
export function codecText(codec: string): string {
  if (!codec) return "JSON";
  const [how, type] = codec.split(/:(.*)/);
  return how === "packed" ? `${type ?? ""} (packed)` : `${type ?? codec} (as JSON)`;
}

/** A value of Python that JSON does not have, in a word: `2026-01-02T03:04:00` for a datetime. */
export function typedText(value: unknown): string | null {
  if (!isObject(value) || typeof value.__type__ !== "string") return null;
  const plain = value.value ?? value.text ?? value.name;
  return typeof plain === "string" ? `${value.__type__} ${plain}` : null;
}

/** `12 bytes`, `3.4 KiB`. */
export function bytes(count: number): string {
  if (count < 1024) return `${count} ${count === 1 ? "byte" : "bytes"}`;
  const units = ["KiB", "MiB", "GiB", "TiB"];
  let size = count / 1024;
  let unit = 0;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit++;
  }
  return `${size.toFixed(1)} ${units[unit]}`;
}
