/** The events of a run, or of one of its tasks: those that there are, in pages, and those to come. */
import { read as readPage } from "../../api/queries";
import { read as readEvent, type LiveEvent } from "../../live/fold";

/** More than this is not loaded: what comes after is asked of the server. */
export const MOST_EVENTS = 50_000;
const PAGE = 1000;
/** What comes is shown so often: several times a blink, and not for each of a thousand events. */
const TELL_MS = 80;

export interface EventsOf {
  namespace: string;
  dagId: string;
  runId: string;
  /** Of all tasks, and of the run itself, if empty. */
  taskId?: string;
}

export class EventStore {
  /** Positions rising, each once. A new list with each change. */
  events: readonly LiveEvent[] = [];
  state: "loading" | "whole" | "cut" | "failed" = "loading";
  error: Error | null = null;
  private waiting: LiveEvent[] = [];
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly watchers = new Set<() => void>();

  constructor(
    readonly of: EventsOf,
    private readonly most = MOST_EVENTS,
    private readonly ask: typeof readPage = readPage,
  ) {}

  watch = (watcher: () => void): (() => void) => {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  };

  async load(signal: AbortSignal): Promise<void> {
    let from = (this.events.at(-1)?.position ?? 0) + 1;
    this.state = "loading";
    this.error = null;
    try {
      do {
        const request = { ...this.of, fromPosition: from, pageSize: PAGE };
        const page = await this.ask("EventService/ListEvents", request, signal);
        if (signal.aborted) return;
        from = Number(page.nextPosition);
        this.append(page.events.map(readEvent));
        if (this.events.length >= this.most && from > 0) {
          this.become("cut");
          return;
        }
      } while (from > 0);
      this.append(this.waiting);
      this.waiting = [];
      this.become("whole");
    } catch (error) {
      if (signal.aborted) return;
      this.error = error instanceof Error ? error : new Error(String(error));
      this.become("failed");
    }
  }

  /** What the page hears of. While there is more to load it waits. */
  take(events: readonly LiveEvent[]): void {
    const { namespace, dagId, runId, taskId } = this.of;
    const mine = events.filter(
      (event) =>
        event.runId === runId &&
        event.dagId === dagId &&
        event.namespace === (namespace || "default") &&
        (!taskId || event.taskId === taskId),
    );
    if (!mine.length) return;
    if (this.state === "loading") this.waiting.push(...mine);
    else if (this.state === "whole") this.come(mine);
  }

  /** The first after a quiet time is shown at once. */
  private come(events: readonly LiveEvent[]): void {
    this.waiting.push(...events);
    if (this.timer !== undefined) return;
    const show = () => {
      this.timer = undefined;
      if (!this.waiting.length || this.state !== "whole") return;
      this.append(this.waiting);
      this.waiting = [];
      this.timer = setTimeout(show, TELL_MS);
    };
    show();
  }

  private append(events: readonly LiveEvent[]): void {
    const last = this.events.at(-1)?.position ?? 0;
    const fresh = events.filter((event) => event.position > last);
    if (fresh.length) this.events = this.events.concat(fresh);
    this.tell();
  }

  private become(state: EventStore["state"]): void {
    this.state = state;
    this.tell();
  }

  private tell(): void {
    for (const watcher of this.watchers) watcher();
  }
}
