import { useEffect, useState, useSyncExternalStore } from "react";
import { useEvents } from "../../live/hooks";
import { EventStore, type EventsOf } from "./store";

/** The events of a run or a task, as they are loaded and as they come. */
export function useEventsOf(of: EventsOf): { store: EventStore; again: () => void } {
  const key = JSON.stringify(of);
  const [held, setHeld] = useState(() => ({ key, store: new EventStore(of) }));
  const [tries, setTries] = useState(0);
  let { store } = held;
  if (held.key !== key) {
    store = new EventStore(of);
    setHeld({ key, store });
  }
  useEvents((events) => store.take(events));
  useEffect(() => {
    const loading = new AbortController();
    void store.load(loading.signal);
    return () => loading.abort();
  }, [store, tries]);
  useSyncExternalStore(store.watch, () => store.events);
  useSyncExternalStore(store.watch, () => store.state);
  return { store, again: () => setTries((count) => count + 1) };
}
