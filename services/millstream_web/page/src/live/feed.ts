/**
 * The log as it grows: one stream of server-sent events for the whole page, whatever looks at it.
 *
 * Each event's position is where the stream goes on after it, so a new connection loses and repeats
 * nothing. A page that nobody sees gives its connection back (browsers allow six to a host) and
 * takes up the thread when it is looked at again.
 */
import { call, ownHeaders } from "../api/call";
import type { WatchEventsResponse } from "../api/types";
import { type LiveEvent, read } from "./fold";

export type FeedState = "connecting" | "live" | "cut off";
type Listener = (events: LiveEvent[]) => void;

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 5000;
// The service says something every ten seconds; what is silent for longer is dead.
const SILENCE_MS = 25_000;

class Feed {
  private listeners = new Set<Listener>();
  private watchers = new Set<() => void>();
  private connection: AbortController | null = null;
  private next = 0;
  private wait = FIRST_WAIT_MS;
  private timer: ReturnType<typeof setTimeout> | undefined;
  state: FeedState = "connecting";
  /** The last position that was seen; what is read with it as min_position is as new. */
  position = 0;

  start(): void {
    document.addEventListener("visibilitychange", () => this.look());
    this.look();
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

  private look(): void {
    if (document.hidden) {
      this.connection?.abort();
      this.connection = null;
      clearTimeout(this.timer);
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
    } catch {
      // Said by `state`; what was missed comes with the next connection.
    }
    if (this.connection !== connection) return;
    this.connection = null;
    this.become("cut off");
    if (document.hidden) return;
    this.timer = setTimeout(() => this.look(), this.wait * (0.5 + Math.random()));
    this.wait = Math.min(this.wait * 2, LONGEST_WAIT_MS);
  }

  private async begin(signal: AbortSignal): Promise<void> {
    const head = await call("EventService/GetHead", {}, signal);
    this.position = Number(head.position);
    this.next = this.position + 1;
  }

  private async read(connection: AbortController): Promise<void> {
    const response = await fetch("/api/v1/EventService/WatchEvents", {
      method: "POST",
      headers: { ...ownHeaders(), Accept: "text/event-stream" },
      body: JSON.stringify({ fromPosition: this.next }),
      signal: connection.signal,
    });
    if (!response.ok) throw new Error(String(response.status));
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
