/** Two texts side by side or one after the other: lines in pairs, long stretches of equal ones folded. */
import { diffLines } from "diff";

export interface Line {
  number: number;
  text: string;
}

export interface Pair {
  kind: "same" | "changed";
  /** Undefined: there is nothing on this side. */
  left?: Line;
  right?: Line;
}

export interface Gap {
  kind: "gap";
  /** So many lines are the same on both sides and not shown. */
  lines: number;
}

export type DiffRow = Pair | Gap;

// Around a change so many equal lines are shown.
const CONTEXT = 3;
// Two texts that have little in common are told apart for so long, and then as wholes.
const PATIENCE_MS = 1500;

/** The lines of both in pairs. What was taken away stands beside what came in its place. */
export function paired(before: string, after: string): Pair[] {
  const parts = diffLines(before, after, { timeout: PATIENCE_MS }) ?? [
    { removed: true, added: false, value: before },
    { removed: false, added: true, value: after },
  ];
  const pairs: Pair[] = [];
  let left = 0;
  let right = 0;
  let taken: Line[] = [];
  let came: Line[] = [];
  const flush = (): void => {
    for (let index = 0; index < Math.max(taken.length, came.length); index += 1) {
      const [one, other] = [taken[index], came[index]];
      pairs.push({ kind: "changed", ...(one && { left: one }), ...(other && { right: other }) });
    }
    taken = [];
    came = [];
  };
  for (const part of parts) {
    for (const text of linesOf(part.value)) {
      if (part.removed) taken.push({ number: (left += 1), text });
      else if (part.added) came.push({ number: (right += 1), text });
      else {
        flush();
        left += 1;
        right += 1;
        pairs.push({ kind: "same", left: { number: left, text }, right: { number: right, text } });
      }
    }
  }
  flush();
  return pairs;
}

function linesOf(text: string): string[] {
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

/** The changes, and what is around them. `all`: every line. */
export function shortened(pairs: readonly Pair[], all = false): DiffRow[] {
  if (all) return [...pairs];
  const isNear = new Uint8Array(pairs.length);
  for (const [index, pair] of pairs.entries()) {
    if (pair.kind === "same") continue;
    const to = Math.min(pairs.length - 1, index + CONTEXT);
    for (let at = Math.max(0, index - CONTEXT); at <= to; at += 1) isNear[at] = 1;
  }
  const rows: DiffRow[] = [];
  for (const [index, pair] of pairs.entries()) {
    const last = rows.at(-1);
    if (isNear[index]) rows.push(pair);
    else if (last?.kind === "gap") last.lines += 1;
    else rows.push({ kind: "gap", lines: 1 });
  }
  return rows;
}

/** For one column: of neighbouring changes first all that was taken away, then all that came. */
export function unified(rows: readonly DiffRow[]): DiffRow[] {
  const found: DiffRow[] = [];
  let came: Pair[] = [];
  for (const row of rows) {
    if (row.kind !== "changed") {
      found.push(...came, row);
      came = [];
      continue;
    }
    if (row.left) found.push({ kind: "changed", left: row.left });
    if (row.right) came.push({ kind: "changed", right: row.right });
  }
  return [...found, ...came];
}

export function countOf(pairs: readonly Pair[]): { added: number; removed: number } {
  const changed = pairs.filter((pair) => pair.kind === "changed");
  return {
    added: changed.filter((pair) => pair.right).length,
    removed: changed.filter((pair) => pair.left).length,
  };
}
