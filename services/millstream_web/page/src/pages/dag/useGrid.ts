import { keepPreviousData, useQuery, type UseQueryResult } from "@tanstack/react-query";
import { useEffect, useMemo, useReducer, useRef } from "react";
import type { Dag } from "../../api/types";
import { feed } from "../../live/feed";
import { Heard } from "../../live/heard";
import { useEvents, useRefreshed } from "../../live/hooks";
import type { GroupTree } from "../../parts/groups";
import { GridModel } from "./gridModel";
import { askGrid, askInstances, askRun, type GridFilter } from "./gridSource";

const SOON_MS = 400;

/** A grid that stays as it is in truth. `version` is another number when it has changed. */
export function useGrid(
  dag: Dag,
  tree: GroupTree,
  filter: GridFilter,
  unfolded: ReadonlySet<string>,
): { found: UseQueryResult<GridModel, Error>; version: number } {
  const { namespace, dagId, latestVersion } = dag;
  // A version more has other tasks: the rows are others too.
  const key = ["grid", namespace, dagId, latestVersion, filter];
  const [version, changed] = useReducer((count: number) => count + 1, 0);
  const heard = useRef(new Heard());
  const found = useQuery({
    queryKey: key,
    queryFn: async ({ signal }) => {
      const began = feed.position;
      const asked = new GridModel(tree, await askGrid({ namespace, dagId }, filter, signal));
      asked.take(heard.current.since(began));
      return asked;
    },
    // The model is changed in place: it is nobody else's.
    gcTime: 0,
    structuralSharing: false,
    placeholderData: keepPreviousData,
  });
  const model = found.data;
  const askAgain = useAskAgain(dag, model, heard.current, changed);
  const frame = useRef<number | undefined>(undefined);
  useEvents((events) => {
    const ours = events.filter((each) => each.dagId === dagId && each.namespace === namespace);
    heard.current.add(ours);
    if (!model || !ours.length) return;
    const after = model.take(ours);
    after.askAgain.forEach(askAgain);
    // Many events come in one frame; it is drawn once.
    if (after.hasChanged) {
      frame.current ??= requestAnimationFrame(() => {
        frame.current = undefined;
        changed();
      });
    }
  });
  useEffect(() => () => cancelAnimationFrame(frame.current ?? 0), []);
  // Which runs a filter finds, only the read tables say.
  const isFiltered = filter.states.length > 0 || filter.runTypes.length > 0;
  useRefreshed(
    key.slice(0, 3),
    (event) => isFiltered && event.dagId === dagId && event.type.startsWith("Run"),
  );
  useUnfolded(dag, model, unfolded, changed);
  return { found, version };
}

/** Ask for a run anew, soon and once for all that happens until then. */
function useAskAgain(
  { namespace, dagId }: Dag,
  model: GridModel | undefined,
  heard: Heard,
  changed: () => void,
): (runId: string) => void {
  const waiting = useMemo(() => new Map<string, ReturnType<typeof setTimeout>>(), []);
  useEffect(
    () => () => {
      for (const timer of waiting.values()) clearTimeout(timer);
      waiting.clear();
    },
    [waiting, model],
  );
  return (runId) => {
    if (waiting.has(runId)) return;
    const ask = async (): Promise<void> => {
      waiting.delete(runId);
      // The next event asks again; meanwhile what is drawn is what the events said.
      const began = feed.position;
      const sums = await askRun({ namespace, dagId }, runId).catch(() => undefined);
      if (!sums || !model) return;
      model.setRun(runId, sums);
      model.take(heard.since(began).filter((event) => event.runId === runId));
      changed();
    };
    waiting.set(runId, setTimeout(() => void ask(), SOON_MS));
  };
}

/** The instances of what is unfolded. */
function useUnfolded(
  { namespace, dagId }: Dag,
  model: GridModel | undefined,
  unfolded: ReadonlySet<string>,
  changed: () => void,
): void {
  useEffect(() => {
    if (!model) return;
    const wanted = new Set(model.columns.map((run) => run.runId));
    const stop = new AbortController();
    for (const taskId of unfolded) {
      if (model.cells.indices(taskId).length) continue;
      void askInstances({ namespace, dagId }, taskId, wanted, stop.signal).then(
        (found) => {
          for (const [runId, own] of found) model.cells.putInstances(runId, own);
          changed();
        },
        () => undefined,
      );
    }
    return () => stop.abort();
  }, [namespace, dagId, model, unfolded]);
}
