/** The list of DAGs, as it stands after each event. */
import type { InfiniteData } from "@tanstack/react-query";
import { useMemo } from "react";
import type { Request } from "../../api/call";
import { type Pages, pagesKey, usePages } from "../../api/pages";
import type { Dag, ListDagsResponse } from "../../api/types";
import { runStateAfter } from "../../live/fold";
import { useFolded } from "../../live/folded";
import { useRefreshed } from "../../live/hooks";
import { foldPages } from "./fold";

const METHOD = "DagService/ListDags";

export function useDags(request: Request<typeof METHOD>): { pages: Pages<typeof METHOD>; dags: Dag[] } {
  const pages = usePages(METHOD, request);
  const key = pagesKey(METHOD, request);
  const namespace = String(request.namespace ?? "default");
  useFolded<InfiniteData<ListDagsResponse>>(key, pages, (data, events) =>
    foldPages(data, events, namespace),
  );
  // Which DAGs are in the list, and in which order, is for the API to say.
  const isByRuns = Boolean(request.lastRunStates?.length || String(request.orderBy).startsWith("last_run"));
  const isByPaused = request.isPaused !== undefined;
  useRefreshed(
    key,
    (event) =>
      event.namespace === namespace &&
      (event.type === "DagVersionSubmitted" ||
        event.type === "DagUnpaused" ||
        (isByPaused && event.type === "DagPaused") ||
        (isByRuns && runStateAfter(event) !== undefined)),
    2000,
  );
  const dags = useMemo(() => pages.data?.pages.flatMap((page) => page.dags) ?? [], [pages.data]);
  return { pages, dags };
}
