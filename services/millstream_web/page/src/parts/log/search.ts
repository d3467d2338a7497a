/** Looks for a text in the rows of a log, some at a time, so that a million of them block nothing. */
import { stripAnsi } from "./ansi";
import type { LineStore } from "./lines";
import type { View } from "./view";

export class Search {
  /** The rows that have it, rising. */
  readonly found: number[] = [];
  /** So many rows were looked at. */
  seen = 0;
  private readonly pattern: RegExp;

  constructor(
    private readonly store: LineStore,
    private readonly view: View,
    readonly wanted: string,
  ) {
    this.pattern = patternOf(wanted);
  }

  /** Look at further rows, at most so many. Returns whether there are more. */
  advance(most: number): boolean {
    const until = Math.min(this.view.length, this.seen + most);
    for (; this.seen < until; this.seen++) {
      const text = this.store.text(this.view.lineOf(this.seen));
      this.pattern.lastIndex = 0;
      if (this.pattern.test(stripAnsi(text))) this.found.push(this.seen);
    }
    return this.seen < this.view.length;
  }

  /** The place in `found` of the first row at or after this one; the number of them if none is. */
  placeOf(row: number): number {
    let low = 0;
    let high = this.found.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.found[middle] ?? 0) < row) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** A pattern for a text: the case does not count unless it has capitals. */
export function patternOf(wanted: string): RegExp {
  const flags = /\p{Lu}/u.test(wanted) ? "g" : "gi";
  return new RegExp(wanted.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), flags);
}

/** Where the text is, as [from, to) pairs. */
export function rangesOf(text: string, wanted: string): [number, number][] {
  if (!wanted) return [];
  return [...text.matchAll(patternOf(wanted))].map((each) => [each.index, each.index + each[0].length]);
}
