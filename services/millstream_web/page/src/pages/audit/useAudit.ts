/** The log, newest first: what the API has found so far, and above it what has come since. */
import { useInfiniteQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useRef, useState } from "react";
import type { ApiError } from "../../api/call";
import { read as readOnce } from "../../api/queries";
import type { ListEventsResponse } from "../../api/types";
import { type LiveEvent, read } from "../../live/fold";
import { useEvents } from "../../live/hooks";
import { type Filter, fits, requestOf } from "./filter";

/** More than this that came while somebody looks is not kept: the list is asked for again. */
const MOST_FRESH = 2000;

export function useAudit(filter: Filter, isPaused: boolean) {
  const request = requestOf(filter);
  const pages = useInfiniteQuery<ListEventsResponse, ApiError, { pages: ListEventsResponse[] }, readonly unknown[], string>({
    queryKey: ["EventService/ListEvents", "audit", request],
    queryFn: ({ pageParam, signal }) =>
      readOnce("EventService/ListEvents", { ...request, fromPosition: pageParam }, signal),
    initialPageParam: "0",
    getNextPageParam: (page) => (page.nextPosition === "0" ? undefined : page.nextPosition),
    // Whoever comes back to the page sees the log as it is.
    staleTime: 0,
    gcTime: 0,
  });
  const fresh = useFresh(filter, pages.refetch);
  const old = useMemo(() => (pages.data?.pages ?? []).flatMap((page) => page.events.map(read)), [pages.data]);
  const newest = old[0]?.position ?? 0;
  const shownUntil = useRef(Number.POSITIVE_INFINITY);
  shownUntil.current = isPaused
    ? Math.min(shownUntil.current, fresh[0]?.position ?? newest)
    : Number.POSITIVE_INFINITY;
  const above = fresh.filter((event) => event.position > newest);
  const rows = useMemo(
    () => [...above.filter((event) => event.position <= shownUntil.current), ...old],
    [above.length, above[0], old, isPaused],
  );
  return { pages, rows, held: above.filter((event) => event.position > shownUntil.current).length };
}

/** The events since the component is shown that fit, the newest first. */
function useFresh(filter: Filter, again: () => unknown): LiveEvent[] {
  const [fresh, setFresh] = useState<LiveEvent[]>([]);
  const key = JSON.stringify(filter);
  useEffect(() => setFresh([]), [key]);
  useEvents((events) => {
    const found = events.filter((event) => fits(event, filter)).reverse();
    if (!found.length) return;
    if (fresh.length + found.length > MOST_FRESH) {
      setFresh([]);
      void again();
    } else {
      setFresh((before) => [...found, ...before]);
    }
  });
  return fresh;
}
