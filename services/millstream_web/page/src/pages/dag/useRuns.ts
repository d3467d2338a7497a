import { useMemo, useReducer, useRef } from "react";
import type { Request } from "../../api/call";
import { more, pagesKey, usePages } from "../../api/pages";
import type { Run } from "../../api/types";
import { runStateAfter } from "../../live/fold";
import { useEvents, useRefreshed } from "../../live/hooks";

interface Runs {
  runs: readonly Run[];
  error: Error | null;
  isLoading: boolean;
  /** Ask for the next ones, if there are more. */
  more: () => void;
  hasMore: boolean;
  again: () => void;
}

/** The runs that a request finds, page by page, and as events leave them. */
export function useRuns(request: Request<"RunService/ListRuns"> & { dagId: string }): Runs {
  const found = usePages("RunService/ListRuns", request);
  const heard = useRef(new Map<string, Partial<Run>>());
  const [version, changed] = useReducer((count: number) => count + 1, 0);
  useEvents((events) => {
    let isNew = false;
    for (const event of events) {
      const state = event.dagId === request.dagId ? runStateAfter(event) : undefined;
      if (!state) continue;
      heard.current.set(event.runId, { ...heard.current.get(event.runId), state });
      isNew = true;
    }
    if (isNew) changed();
  });
  useRefreshed(pagesKey("RunService/ListRuns", request), (event) => event.dagId === request.dagId && event.type.startsWith("Run"));
  const runs = useMemo(() => {
    const all = found.data?.pages.flatMap((page) => page.runs) ?? [];
    return all.map((run) => ({ ...run, ...heard.current.get(run.runId) }));
  }, [found.data, version]);
  return {
    runs,
    error: found.error,
    isLoading: found.isLoading,
    hasMore: found.hasNextPage,
    more: () => more(found),
    again: () => void found.refetch(),
  };
}
