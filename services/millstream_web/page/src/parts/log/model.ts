/** A log as it is shown: its lines, what of them is in view, and what is looked for in them. */
import { LineStore } from "./lines";
import { type LogOf, type Reading, readLog } from "./reading";
import { Search } from "./search";
import { inSlices } from "./slices";
import { ALL, type Filter, View } from "./view";

const STEP = 2000;

export class LogModel {
  readonly store = new LineStore();
  view = new View(this.store);
  search: Search | null = null;
  reading: Reading = { state: "opening" };
  /** Changes with every change, for those who draw it. */
  version = 0;
  private readonly watchers = new Set<() => void>();
  private connection: AbortController | null = null;
  private stopWork: (() => void) | undefined;
  private isTelling = false;

  constructor(private readonly of: LogOf) {}

  watch = (watcher: () => void): (() => void) => {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  };

  /** Begin to read, or go on after the end when another attempt has begun. */
  open(): void {
    if (!this.connection) this.connect(this.of.attempt);
  }

  /** Go on where a close cut it off. */
  resume(): void {
    const isOver = this.reading.state === "ended" || this.reading.state === "failed";
    if (!this.connection && !isOver) this.connect(this.of.attempt || (this.store.attempts.at(-1) ?? 0));
  }

  private connect(attempt: number): void {
    const connection = new AbortController();
    this.connection = connection;
    const { signal } = connection;
    const told = (reading: Reading) => {
      if (signal.aborted) return;
      this.reading = reading;
      if (reading.state === "ended" || reading.state === "failed") this.connection = null;
      this.work();
    };
    void readLog(this.of, this.store, told, signal, attempt);
  }

  close(): void {
    this.connection?.abort();
    this.connection = null;
    this.stopWork?.();
  }

  /** Show other lines, or the same in rows of another width. */
  show(filter: Filter, columns: number): void {
    if (filter === this.view.filter && columns === this.view.columns) return;
    this.view = new View(this.store, filter, columns);
    if (this.search) this.search = new Search(this.store, this.view, this.search.wanted);
    this.work();
  }

  /** Look for a text in what is shown; nothing: no more. */
  find(wanted: string): void {
    if (wanted === (this.search?.wanted ?? "")) return;
    this.search = wanted ? new Search(this.store, this.view, wanted) : null;
    this.work();
  }

  /** All that is shown, in parts of some thousand lines. */
  *texts(): Generator<string> {
    const filter = { ...this.view.filter, isFolded: false };
    const whole = new View(this.store, filter === ALL ? ALL : filter);
    while (whole.advance(STEP)) continue;
    for (let row = 0; row < whole.length; row += STEP) {
      const lines: string[] = [];
      for (let each = row; each < Math.min(whole.length, row + STEP); each++) {
        lines.push(this.store.text(whole.lineOf(each)));
      }
      yield `${lines.join("\n")}\n`;
    }
  }

  private work(): void {
    this.stopWork?.();
    this.stopWork = inSlices(
      () => this.view.advance(STEP) || Boolean(this.search?.advance(STEP)),
      () => this.tell(),
    );
  }

  /** Once before the page is drawn next, however many lines come. */
  private tell(): void {
    if (this.isTelling) return;
    this.isTelling = true;
    setTimeout(() => {
      this.isTelling = false;
      this.version++;
      for (const watcher of this.watchers) watcher();
    }, 30);
  }
}
