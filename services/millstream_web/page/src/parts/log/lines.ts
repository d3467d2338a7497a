/** The lines of a log, packed: a million of them take their text and twenty bytes each. */
import type { LogLine } from "../../api/types";
import { hasEscapes, parseAnsi, PLAIN, type Style } from "./ansi";

/** No level at all: what was printed. Then the levels, rising. */
export const LEVELS = ["", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] as const;

export interface Line {
  index: number;
  attempt: number;
  /** In the attempt's log; -1 for a note that is not in it. */
  number: number;
  /** Milliseconds; 0: unknown. */
  at: number;
  source: string;
  level: string;
  logger: string;
  text: string;
}

interface Part {
  /** The number of the line that is next, and the text of the last note. */
  next: number;
  note: string;
  /** Where lines begin whose numbers follow each other, without a note or a hole between them. */
  runs: { index: number; number: number }[];
}

const SIZE = 4096;

class Chunk {
  readonly texts: string[] = [];
  readonly at = new Float64Array(SIZE);
  readonly numbers = new Int32Array(SIZE);
  readonly attempts = new Int32Array(SIZE);
  readonly levels = new Uint8Array(SIZE);
  readonly names = new Uint16Array(SIZE);
}

/** Lines in the order in which they came, of one attempt or of several after each other. */
export class LineStore {
  length = 0;
  private readonly chunks: Chunk[] = [];
  private readonly parts = new Map<number, Part>();
  /** Pairs of a source and a logger. */
  private readonly names: [string, string][] = [];
  private readonly places = new Map<string, number>();
  /** From which line on the lines of a source begin in which style. */
  private readonly styles = new Map<string, { from: number; style: Style }[]>();

  get attempts(): number[] {
    return [...this.parts.keys()];
  }

  /** The number of the line that is next in an attempt. */
  next(attempt: number): number {
    return this.parts.get(attempt)?.next ?? 0;
  }

  /** Add lines of an attempt. Those that are here already, after a new connection, are left out. */
  add(attempt: number, lines: readonly LogLine[]): void {
    let part = this.parts.get(attempt);
    if (!part) this.parts.set(attempt, (part = { next: 0, note: "", runs: [] }));
    for (const line of lines) {
      const number = Number(line.number);
      if (number < 0 ? line.text === part.note : number < part.next) continue;
      if (number < 0) part.note = line.text;
      else {
        const run = part.runs.at(-1);
        const follows = run && run.number + (this.length - run.index) === number;
        if (!follows) part.runs.push({ index: this.length, number });
        part.next = number + 1;
      }
      this.put(attempt, number, line);
    }
  }

  text(index: number): string {
    return this.chunk(index).texts[index % SIZE] ?? "";
  }

  level(index: number): number {
    return this.chunk(index).levels[index % SIZE] ?? 0;
  }

  source(index: number): string {
    return this.names[this.chunk(index).names[index % SIZE] ?? 0]?.[0] ?? "";
  }

  line(index: number): Line {
    const chunk = this.chunk(index);
    const at = index % SIZE;
    const [source, logger] = this.names[chunk.names[at] ?? 0] ?? ["", ""];
    return {
      index,
      attempt: chunk.attempts[at] ?? 0,
      number: chunk.numbers[at] ?? -1,
      at: chunk.at[at] ?? 0,
      source,
      level: LEVELS[chunk.levels[at] ?? 0] ?? "",
      logger,
      text: chunk.texts[at] ?? "",
    };
  }

  /** The style that lines before this one left open. */
  styleBefore(index: number): Style {
    const points = this.styles.get(this.source(index)) ?? [];
    let low = 0;
    let high = points.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((points[middle]?.from ?? 0) <= index) low = middle + 1;
      else high = middle;
    }
    return points[low - 1]?.style ?? PLAIN;
  }

  /** Where a line of an attempt is; -1 if it has not come. */
  find(attempt: number, number: number): number {
    const part = this.parts.get(attempt);
    const run = part?.runs.findLast((each) => each.number <= number);
    if (!part || !run || number >= part.next) return -1;
    const index = run.index + (number - run.number);
    return index < this.length && this.line(index).number === number ? index : -1;
  }

  private chunk(index: number): Chunk {
    const chunk = this.chunks[Math.floor(index / SIZE)];
    if (!chunk || index >= this.length) throw new RangeError(`There is no line ${index}.`);
    return chunk;
  }

  private put(attempt: number, number: number, line: LogLine): void {
    const at = this.length % SIZE;
    if (at === 0) this.chunks.push(new Chunk());
    const index = this.length++;
    const chunk = this.chunk(index);
    chunk.texts.push(line.text);
    chunk.at[at] = line.at ? Date.parse(line.at) : 0;
    chunk.numbers[at] = number;
    chunk.attempts[at] = attempt;
    chunk.levels[at] = Math.max(0, LEVELS.indexOf(line.level as (typeof LEVELS)[number]));
    chunk.names[at] = this.place(line.source, line.logger);
    if (hasEscapes(line.text)) this.noteStyle(line, index);
  }

  private place(source: string, logger: string): number {
    const key = `${source}\n${logger}`;
    const known = this.places.get(key);
    if (known !== undefined) return known;
    // Of very many loggers the last share a name, so that a place fits into two bytes.
    if (this.names.length >= 65_535) return 65_534;
    this.places.set(key, this.names.length);
    return this.names.push([source, logger]) - 1;
  }

  private noteStyle(line: LogLine, index: number): void {
    let points = this.styles.get(line.source);
    if (!points) this.styles.set(line.source, (points = []));
    const before = points.at(-1)?.style ?? PLAIN;
    const { end } = parseAnsi(line.text, before);
    if (end !== before) points.push({ from: index + 1, style: end });
  }
}
