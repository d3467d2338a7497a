/** What the form for a backfill says, as a request. */
import type { Request } from "../../api/call";
import type { BackfillDate } from "../../api/types";

export interface BackfillForm {
  fromDate: string | undefined;
  toDate: string | undefined;
  reprocess: "none" | "failed" | "completed";
  backwards: boolean;
  /** As typed. */
  maxActiveRuns: string;
  latestVersion: boolean;
}

export const NEW_BACKFILL: BackfillForm = {
  fromDate: undefined,
  toDate: undefined,
  reprocess: "none",
  backwards: false,
  maxActiveRuns: "10",
  latestVersion: true,
};

export const FIELDS = ["from_date", "to_date", "reprocess_behavior", "max_active_runs"];

/** What is wrong before the API is asked, by the names of its fields. */
export function problems(form: BackfillForm): Record<string, string> {
  const found: Record<string, string> = {};
  if (!form.fromDate) found.from_date = "must have a value";
  if (!form.toDate) found.to_date = "must have a value";
  if (form.fromDate && form.toDate && Date.parse(form.toDate) < Date.parse(form.fromDate)) {
    found.to_date = "must not be before the first date";
  }
  if (!/^[1-9]\d{0,4}$/.test(form.maxActiveRuns.trim())) found.max_active_runs = "must be a whole number from 1 on";
  return found;
}

export function backfillRequest(
  of: { namespace: string; dagId: string },
  form: BackfillForm,
  conf: Readonly<Record<string, unknown>>,
): Request<"BackfillService/DryRunBackfill"> & Request<"BackfillService/CreateBackfill"> {
  return {
    namespace: of.namespace,
    dagId: of.dagId,
    ...(form.fromDate ? { fromDate: form.fromDate } : {}),
    ...(form.toDate ? { toDate: form.toDate } : {}),
    reprocessBehavior: form.reprocess,
    runBackwards: form.backwards,
    maxActiveRuns: Number(form.maxActiveRuns),
    runOnLatestVersion: form.latestVersion,
    ...(Object.keys(conf).length ? { conf: { ...conf } } : {}),
  };
}

/** What a backfill would do with its dates. */
export function summary(dates: readonly BackfillDate[]): { made: number; again: number; left: number } {
  const counts = { made: 0, again: 0, left: 0 };
  for (const date of dates) counts[fateOf(date)] += 1;
  return counts;
}

/** Whether a date gets a run, its run goes again, or nothing becomes of it. */
export function fateOf({ reason, runId }: BackfillDate): "made" | "again" | "left" {
  return reason ? "left" : runId ? "again" : "made";
}
