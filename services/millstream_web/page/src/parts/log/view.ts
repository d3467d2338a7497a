/** Which lines of a log are shown, in which row, and how high the rows are. Grows with the log. */
import { stripAnsi } from "./ansi";
import type { LineStore } from "./lines";

export interface Filter {
  /** The lowest level that is shown, as a place in LEVELS; 0: all, also what has no level. */
  level: number;
  /** Empty: all. */
  source: string;
  /** Of a traceback only its first and its last line, except those that begin at `unfolded`. */
  isFolded: boolean;
  unfolded: ReadonlySet<number>;
}

export const ALL: Filter = { level: 0, source: "", isFolded: false, unfolded: new Set() };

/** What a row is: `first` of a traceback, `inside` of one, its `last` line, or none of these. */
export type Place = "" | "first" | "inside" | "last";
const PLACES: readonly Place[] = ["", "first", "inside", "last"];

const BLOCK = 1024;
const TRACEBACK = /^\s*(?:\+ (Exception Group )|(?:\| )?)Traceback \(most recent call last\):/;

/** Numbers that grow in number: no array of a million boxed ones, no copy for each new one. */
class Numbers {
  length = 0;
  private items = new Int32Array(BLOCK);

  push(value: number): void {
    if (this.length === this.items.length) {
      const larger = new Int32Array(this.length * 2);
      larger.set(this.items);
      this.items = larger;
    }
    this.items[this.length++] = value;
  }

  at(index: number): number {
    return this.items[index] ?? 0;
  }
}

export class View {
  /** So many lines of the log were looked at. */
  seen = 0;
  private readonly lines = new Numbers();
  private readonly places = new Numbers();
  private readonly heights = new Numbers();
  /** The height of all rows before each block of them. */
  private readonly starts = new Numbers();
  /** In lines of text. */
  height = 0;
  private traceback: { from: number; isGroup: boolean; last: number } | null = null;

  /** `columns`: so many characters fit into a row, longer lines take several; 0: no wrapping. */
  constructor(
    private readonly store: LineStore,
    readonly filter: Filter = ALL,
    readonly columns = 0,
  ) {}

  get length(): number {
    return this.lines.length;
  }

  /** Look at further lines, at most so many. Returns whether there are more. */
  advance(most: number): boolean {
    const until = Math.min(this.store.length, this.seen + most);
    for (; this.seen < until; this.seen++) this.take(this.seen);
    return this.seen < this.store.length;
  }

  /** The line that a row shows. */
  lineOf(row: number): number {
    return this.lines.at(row);
  }

  placeOf(row: number): Place {
    return PLACES[this.places.at(row)] ?? "";
  }

  heightOf(row: number): number {
    return this.columns ? this.heights.at(row) : 1;
  }

  /** The row that shows a line, or the next one where the line is not shown. */
  rowOf(line: number): number {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.lines.at(middle) < line) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** How high the rows before a row are, in lines of text. */
  offsetOf(row: number): number {
    if (!this.columns) return row;
    const block = Math.floor(row / BLOCK);
    if (block >= this.starts.length) return this.height;
    let offset = this.starts.at(block);
    for (let each = block * BLOCK; each < row; each++) offset += this.heights.at(each);
    return offset;
  }

  /** The row at a height. */
  rowAt(offset: number): number {
    if (!this.columns) return Math.max(0, Math.min(this.length - 1, Math.floor(offset)));
    let low = 0;
    let high = this.starts.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.starts.at(middle) <= offset) low = middle + 1;
      else high = middle;
    }
    let row = Math.max(0, low - 1) * BLOCK;
    let end = this.starts.at(Math.max(0, low - 1)) + this.heights.at(row);
    while (end <= offset && row < this.length - 1) end += this.heights.at(++row);
    return row;
  }

  private take(index: number): void {
    const { level, source } = this.filter;
    if (level > 0 && this.store.level(index) < level) return;
    if (source && this.store.source(index) !== source) return;
    const text = this.store.text(index);
    const place = this.placed(index, text);
    if (place === "inside" && this.filter.isFolded && !this.isUnfolded()) return;
    this.put(index, text, place);
  }

  private isUnfolded(): boolean {
    return this.traceback !== null && this.filter.unfolded.has(this.traceback.from);
  }

  private placed(index: number, text: string): Place {
    const found = TRACEBACK.exec(text);
    if (found && !this.traceback?.isGroup) {
      this.traceback = { from: index, isGroup: Boolean(found[1]), last: index };
      return "first";
    }
    if (!this.traceback) return "";
    if (/^\s|^$/.test(text)) return "inside";
    const { isGroup } = this.traceback;
    this.traceback = null;
    return isGroup ? "" : "last";
  }

  private put(index: number, text: string, place: Place): void {
    if (this.columns) {
      if (this.lines.length % BLOCK === 0) this.starts.push(this.height);
      const height = Math.max(1, Math.ceil(cells(stripAnsi(text)) / this.columns));
      this.heights.push(height);
      this.height += height;
    } else {
      this.height++;
    }
    this.lines.push(index);
    this.places.push(PLACES.indexOf(place));
  }
}

// Chinese, Japanese, Korean and emoji take two cells, what is put over a letter none.
const WIDE = /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Extended_Pictographic}/u;
const NOTHING = /\p{Mn}|\p{Me}|\u200b|\u200d|\ufe0f/u;

/** How many columns of a fixed-width font a text takes. A tab counts as eight. */
export function cells(text: string): number {
  if (/^[ -~]*$/.test(text)) return text.length;
  let count = 0;
  for (const character of text) {
    if (character === "\t") count += 8;
    else if (WIDE.test(character)) count += 2;
    else if (!NOTHING.test(character)) count += 1;
  }
  return count;
}
