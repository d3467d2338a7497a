/** The live log for components. */
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useSyncExternalStore } from "react";
import { feed, type FeedState } from "./feed";
import type { LiveEvent } from "./fold";

/** Whether the page hears of what happens. */
export function useFeedState(): FeedState {
  return useSyncExternalStore(
    (changed) => feed.watch(changed),
    () => feed.state,
  );
}

/** Call `take` with the events as they come, as long as the component is shown. */
export function useEvents(take: (events: LiveEvent[]) => void): void {
  const latest = useRef(take);
  latest.current = take;
  useEffect(() => feed.listen((events) => latest.current(events)), []);
}

/**
 * Ask again for what begins with `key` when an event concerns it; at most once each `everyMs`, and
 * at once for the first event after a quiet time.
 */
export function useRefreshed(
  key: readonly unknown[],
  concerns: (event: LiveEvent) => boolean,
  everyMs = 400,
): void {
  const client = useQueryClient();
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const last = useRef(0);
  useEvents((events) => {
    if (timer.current !== undefined || !events.some(concerns)) return;
    const wait = Math.max(0, last.current + everyMs - Date.now());
    timer.current = setTimeout(() => {
      timer.current = undefined;
      last.current = Date.now();
      void client.invalidateQueries({ queryKey: key });
    }, wait);
  });
  useEffect(() => () => clearTimeout(timer.current), []);
}
