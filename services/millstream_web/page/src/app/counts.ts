/** The numbers beside places of the navigation: what waits for somebody. */
import { useRead } from "../api/queries";
import type { LiveEvent } from "../live/fold";
import { useRefreshed } from "../live/hooks";
import { useSettings } from "./settings";

const INPUT = new Set(["TaskAwaitsInput", "TaskResumed", "TaskStopped", "TaskCleared", "TaskMarked"]);
/** Nobody counts further than this. */
const MOST = 100;

/** Whether an event is about what people are asked. */
export const isAboutInput = (event: LiveEvent) => INPUT.has(event.type);

/** `7`, or `99+`; empty for none. */
export function shown(count: number | undefined): string {
  if (!count) return "";
  return count < MOST ? String(count) : `${MOST - 1}+`;
}

/** How much waits in each place, by its address. */
export function useCounts(): Record<string, number | undefined> {
  const { namespace } = useSettings();
  const waiting = { namespace, state: "INPUT_STATE_WAITING", pageSize: MOST } as const;
  const inputs = useRead("HumanInputService/ListInputRequests", waiting, { keep: true });
  const errors = useRead("ImportErrorService/ListImportErrors", { namespace }, { keep: true });
  useRefreshed(["HumanInputService/ListInputRequests", waiting], isAboutInput, 1000);
  // An import error is no event; but a file that was fixed submits its DAGs.
  useRefreshed(
    ["ImportErrorService/ListImportErrors"],
    (event) => event.type === "DagVersionSubmitted",
    2000,
  );
  return {
    "/approvals": inputs.data?.requests.length,
    "/dags": errors.data?.errors.length,
  };
}
