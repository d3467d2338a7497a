/** The run's events, folded: as it stands, and as it stood. */
import { useDeferredValue, useMemo, useState } from "react";
import { Bars } from "../../parts/gantt/bars";
import type { LiveEvent } from "../../live/fold";
import type { EventStore, EventsOf } from "../../parts/events/store";
import { useEventsOf } from "../../parts/events/useEventsOf";
import { History, indexAt, type Snapshot } from "./history";

/** Grows with the list of events; what it has folded it does not fold again. */
class Folded {
  readonly history = new History();
  readonly bars = new Bars();
  readonly times: number[] = [];

  extend(events: readonly LiveEvent[]): void {
    this.history.extend(events);
    for (const event of events.slice(this.times.length)) {
      this.times.push(Date.parse(event.recordedAt ?? ""));
      if (!event.taskId.includes("@")) this.bars.apply(event);
    }
  }
}

export interface RunHistory {
  store: EventStore;
  again: () => void;
  events: readonly LiveEvent[];
  /** The place of the last event that has happened at the moment. */
  index: number;
  snapshot: Snapshot;
  bars: Bars;
  /** Of the events, in milliseconds. May have more than there are events. */
  times: readonly number[];
}

export function useRunHistory(of: EventsOf, position: number | undefined): RunHistory {
  const { store, again } = useEventsOf(of);
  const [held, setHeld] = useState(() => ({ store, folded: new Folded() }));
  let { folded } = held;
  if (held.store !== store) {
    folded = new Folded();
    setHeld({ store, folded });
  }
  const events = useDeferredValue(store.events);
  const at = useDeferredValue(position);
  return useMemo(() => {
    // A value that is deferred may still be that of the run before.
    const mine = store.events.length >= events.length ? events : store.events;
    folded.extend(mine);
    const index = at === undefined ? mine.length - 1 : indexAt(mine, at);
    return { store, again, events: mine, index, snapshot: folded.history.at(index), bars: folded.bars, times: folded.times };
  }, [store, store.state, folded, events, at]);
}
