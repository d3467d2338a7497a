/** Which events somebody looks for: in the address, as a request, and for events as they come. */
import type { Request } from "../../api/call";
import type { LiveEvent } from "../../live/fold";

export interface Filter {
  /** Empty: all of them, and what is about none. */
  namespace: string;
  types: string[];
  actor: string;
  dagId: string;
  runId: string;
  taskId: string;
  since: string;
  until: string;
}

/** `namespace`: the only one to look at, or empty. */
export function filterOf(params: URLSearchParams, namespace: string): Filter {
  const instant = (name: string) => {
    const text = params.get(name) ?? "";
    return Number.isNaN(Date.parse(text)) ? "" : text;
  };
  return {
    namespace,
    types: params.getAll("type"),
    actor: params.get("actor") ?? "",
    dagId: params.get("dag") ?? "",
    runId: params.get("run") ?? "",
    taskId: params.get("task") ?? "",
    since: instant("since"),
    until: instant("until"),
  };
}

export function requestOf({ since, until, ...rest }: Filter): Request<"EventService/ListEvents"> {
  return {
    ...rest,
    pageSize: 200,
    orderBy: "position desc",
    ...(since ? { since } : {}),
    ...(until ? { until } : {}),
  };
}

/** Whether an event that has just come belongs to what is looked for. */
export function fits(event: LiveEvent, filter: Filter): boolean {
  const { namespace, types, actor, dagId, runId, taskId, since, until } = filter;
  const at = Date.parse(event.recordedAt ?? "");
  return (
    (!namespace || event.namespace === namespace) &&
    (!types.length || types.includes(event.type)) &&
    (!dagId || event.dagId === dagId) &&
    (!runId || event.runId === runId) &&
    (!taskId || event.taskId === taskId) &&
    (!actor || isBy(event.actor, actor)) &&
    (!since || at >= Date.parse(since)) &&
    (!until || at < Date.parse(until))
  );
}

/** As the API judges: a principal, a role, or a role and more of the actor. */
function isBy(actor: string, wanted: string): boolean {
  const [role, , ...principal] = actor.split("/");
  if (actor === wanted || actor.startsWith(`${wanted}/`)) return true;
  return role === "api" && principal.join("/") === wanted;
}
