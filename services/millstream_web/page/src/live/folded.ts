/** What a read gave, changed by the events since: drawn at once, and nothing asked for again. */
import { type QueryKey, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import type { LiveEvent } from "./fold";
import { useEvents } from "./hooks";

/** More events than this during one read are not kept: a read that is so slow is asked again. */
const MOST_HELD = 5000;

/**
 * Let `fold` change what is kept under `key` with each list of events. It gives back the same
 * object if the events are about something else, and takes an event twice without harm: events that
 * come while a read is on its way are folded into its answer once more.
 */
export function useFolded<T>(
  key: QueryKey,
  read: { dataUpdatedAt: number; isFetching: boolean },
  fold: (data: T, events: readonly LiveEvent[]) => T,
): void {
  const queries = useQueryClient();
  const held = useRef<LiveEvent[]>([]);
  const latest = useRef({ key, fold });
  latest.current = { key, fold };

  const take = useRef((events: readonly LiveEvent[]) => {
    const { key, fold } = latest.current;
    // What could not be read anew is asked for again after the outage.
    if (queries.getQueryState(key)?.status !== "success") return;
    queries.setQueryData<T>(
      key,
      (data: T | undefined) => data && fold(data, events),
      // It is as old as it was, or the answer that is on its way would not be told from it.
      { updatedAt: queries.getQueryState(key)?.dataUpdatedAt ?? 0 },
    );
  }).current;

  useEvents((events) => {
    if (queries.getQueryState(latest.current.key)?.fetchStatus === "fetching") {
      held.current.push(...events);
      if (held.current.length > MOST_HELD) {
        held.current = [];
        void queries.invalidateQueries({ queryKey: latest.current.key });
      }
    }
    take(events);
  });
  useEffect(() => {
    if (held.current.length) take(held.current);
    if (!read.isFetching) held.current = [];
  }, [read.dataUpdatedAt, read.isFetching, take]);
}
