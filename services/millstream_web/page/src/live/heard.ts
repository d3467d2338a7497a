import type { LiveEvent } from "./fold";

// An answer is on its way for a few seconds at most.
const MOST = 5000;

/**
 * The events that came lately. An answer may be older than what came while it was on its way: those
 * events are folded into it once more, in their order, and it is as they leave it.
 */
export class Heard {
  private events: LiveEvent[] = [];

  add(events: readonly LiveEvent[]): void {
    this.events.push(...events);
    if (this.events.length > 2 * MOST) this.events = this.events.slice(-MOST);
  }

  /** Those after a position, the oldest first. */
  since(position: number): LiveEvent[] {
    return this.events.filter((event) => event.position > position);
  }
}
