/**
 * The log as it grows: one stream of server-sent events for the whole page, whatever looks at it.
 *
 * Each event's position is where the stream goes on after it, so a new connection loses and repeats
 * nothing. A page that nobody sees gives its connection back (browsers allow six to a host) and
 * takes up the thread when it is looked at again. Who may not see the whole log is shown what they may
 * see of the namespace that the page shows.
 */
import { ApiError, call, send } from "../api/call";
import type { WatchEventsResponse } from "../api/types";
import { onSettings, settings } from "../app/settings";
import { type LiveEvent, read } from "./fold";

export type FeedState = "connecting" | "live" | "cut off";
type Listener = (events: LiveEvent[]) => void;

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 5000;
// The service says something every ten seconds; what is silent for longer is dead.
const SILENCE_MS = 25_000;

export class Feed {
  private listeners = new Set<Listener>();
  private watchers = new Set<() => void>();
  private connection: AbortController | null = null;
  private next = 0;
  private wait = FIRST_WAIT_MS;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private isNarrow = false;
  private namespace = "";
  private leave: (() => void) | null = null;
  state: FeedState = "connecting";
  /** The last position that was seen; what is read with it as min_position is as new. */
  position = 0;

  start(): void {
    if (this.leave) return;
    const look = () => this.look();
    document.addEventListener("visibilitychange", look);
    const forget = onSettings(() => {
      if (this.isNarrow && settings.namespace !== this.namespace) this.again();
    });
    this.leave = () => {
      document.removeEventListener("visibilitychange", look);
      forget();
    };
    this.look();
  }

  /** Until it is started again. */
  stop(): void {
    this.leave?.();
    this.leave = null;
    this.drop();
    this.become("cut off");
  }

  /** Hear of all events from now on, in lists as they come. Returns how to stop. */
  listen(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Hear when `state` changes. */
  watch(watcher: () => void): () => void {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  }

  private again(): void {
    this.drop();
    this.look();
  }

  private drop(): void {
    this.connection?.abort();
    this.connection = null;
    clearTimeout(this.timer);
  }

  private look(): void {
    if (document.hidden) {
      this.drop();
    } else if (!this.connection) {
      void this.run();
    }
  }

  private async run(): Promise<void> {
    const connection = new AbortController();
    this.connection = connection;
    try {
      if (!this.next) await this.begin(connection.signal);
      await this.read(connection);
    } catch (error) {
      // Said by `state`; what was missed comes with the next connection.
      if (this.connection === connection && this.narrow(error)) return this.again();
    }
    if (this.connection !== connection) return;
    this.connection = null;
    this.become("cut off");
    if (document.hidden) return;
    this.timer = setTimeout(() => this.look(), this.wait * (0.5 + Math.random()));
    this.wait = Math.min(this.wait * 2, LONGEST_WAIT_MS);
  }

  /** Whether it is worth to ask for less. */
  private narrow(error: unknown): boolean {
    if (!(error instanceof ApiError) || error.code !== "PERMISSION_DENIED") return false;
    if (this.isNarrow) {
      this.wait = LONGEST_WAIT_MS;
      return false;
    }
    this.isNarrow = true;
    return true;
  }

  private async begin(signal: AbortSignal): Promise<void> {
    const head = await call("EventService/GetHead", {}, signal);
    this.position = Number(head.position);
    this.next = this.position + 1;
  }

  private async read(connection: AbortController): Promise<void> {
    this.namespace = this.isNarrow ? settings.namespace : "";
    const response = await send(
      "/api/v1/EventService/WatchEvents",
      { fromPosition: this.next, namespace: this.namespace },
      { signal: connection.signal, accept: "text/event-stream" },
    );
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const silence = setTimeout(() => connection.abort(), SILENCE_MS);
      const { done, value } = await reader.read().finally(() => clearTimeout(silence));
      if (done) return;
      this.wait = FIRST_WAIT_MS;
      this.become("live");
      const blocks = (rest + value).split("\n\n");
      rest = blocks.pop()!;
      for (const block of blocks) this.take(block);
    }
  }

  private take(block: string): void {
    const fields = new Map(
      block.split("\n").map((line) => {
        const at = line.indexOf(": ");
        return [line.slice(0, at), line.slice(at + 2)] as const;
      }),
    );
    const data = fields.get("data");
    if (!data || fields.has("event")) return;
    const events = (JSON.parse(data) as WatchEventsResponse[])
      .map((answer) => read(answer.event!))
      .filter((event) => event.position >= this.next);
    const last = events.at(-1);
    if (!last) return;
    this.position = last.position;
    this.next = last.position + 1;
    for (const listener of this.listeners) listener(events);
  }

  private become(state: FeedState): void {
    if (state === this.state) return;
    this.state = state;
    for (const watcher of this.watchers) watcher();
  }
}

export const feed = new Feed();
