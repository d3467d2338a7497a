/** The last events, the newest first, without those that only plan. */
import type { LiveEvent } from "../../live/fold";

export const MOST = 100;

/** What nobody reads line by line: it is followed by what it leads to. */
const QUIET = new Set(["NextRunPlanned", "TaskScheduled", "TaskReady", "TriggerReady", "BackfillAdvanced", "OutcomeRemembered", "DeadlineSet"]);

/** The rows with the events above them; the same rows if there is none to show. */
export function ticked(
  rows: readonly LiveEvent[],
  events: readonly LiveEvent[],
  namespace: string,
): readonly LiveEvent[] {
  const shown = events.filter(
    (event) => !QUIET.has(event.type) && (!event.namespace || event.namespace === namespace),
  );
  if (!shown.length) return rows;
  return [...shown.slice(-MOST).reverse(), ...rows].slice(0, MOST);
}

/** The rows with what had happened before they began. */
export function begun(
  rows: readonly LiveEvent[],
  past: readonly LiveEvent[],
  namespace: string,
): readonly LiveEvent[] {
  const first = rows.at(-1)?.position ?? Number.POSITIVE_INFINITY;
  const older = past.filter((event) => event.position < first);
  return [...rows, ...ticked([], older, namespace)].slice(0, MOST);
}
