/** What the form for a run says, as a request. */
import type { Request } from "../../api/call";

export interface RunForm {
  /** The logical date: the instant of the trigger, a given one, or none. */
  dated: "now" | "at" | "none";
  logicalDate: string | undefined;
  runId: string;
  note: string;
  runAfter: string | undefined;
  unpause: boolean;
}

export const NEW_RUN: RunForm = {
  dated: "now",
  logicalDate: undefined,
  runId: "",
  note: "",
  runAfter: undefined,
  unpause: false,
};

/** The fields of the request that the form shows, as the API names them. */
export const FIELDS = ["run_id", "logical_date", "note", "run_after"];

export function triggerRequest(
  { namespace, dagId }: { namespace: string; dagId: string },
  form: RunForm,
  conf: Readonly<Record<string, unknown>>,
): Request<"RunService/TriggerRun"> {
  return {
    namespace,
    dagId,
    runId: form.runId.trim(),
    note: form.note.trim(),
    unpause: form.unpause,
    noLogicalDate: form.dated === "none",
    ...(Object.keys(conf).length ? { conf: { ...conf } } : {}),
    ...(form.dated === "at" && form.logicalDate ? { logicalDate: form.logicalDate } : {}),
    ...(form.runAfter ? { runAfter: form.runAfter } : {}),
  };
}

/** What is missing, before the API is asked. */
export function missing(form: RunForm): Record<string, string> {
  return form.dated === "at" && !form.logicalDate ? { logical_date: "must have a value" } : {};
}
