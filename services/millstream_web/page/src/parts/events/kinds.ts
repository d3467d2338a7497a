/** Events as people see them: the colour of what they lead to, and what they say in a line. */
import { type LiveEvent, runStateAfter, taskStateAfter } from "../../live/fold";
import { lookOf } from "../states";

/** The class that carries the colour of the state in which the event leaves its task or run. */
export function colourOf(event: LiveEvent): string {
  if (event.type === "TaskStopped" || event.type === "TaskCleared") return "state-none";
  const state = taskStateAfter(event) ?? runStateAfter(event);
  return state ? `state-${lookOf(state).name}` : "state-none";
}

/** Of whom or what an event tells, and the most telling of its data. */
export function summaryOf({ type, data }: LiveEvent): string {
  const text = (name: string) => (typeof data[name] === "string" ? (data[name] as string) : "");
  switch (type) {
    case "TaskFailed":
      return `${text("error_type")}: ${text("message")}`;
    case "TaskStarted":
    case "TriggerStarted":
    case "TaskSucceeded":
      return text("worker") && `on ${text("worker")}`;
    case "TaskLost":
    case "TriggerLost":
    case "TaskSkipped":
    case "TaskUpstreamFailed":
    case "TaskStopped":
    case "RunFailed":
      return text("reason") || list(data.failed_leaves);
    case "TaskMarked":
    case "RunMarked":
      return [text("state"), text("note") || text("reason")].filter(Boolean).join(": ");
    case "TaskReady":
    case "TriggerReady":
      return `for queue ${text("queue")}`;
    case "TaskScheduled":
      return `in pool ${text("pool") || "default_pool"}`;
    case "TaskExpanded":
    case "TaskResized":
      return `${String(data.length)} instances`;
    case "AssetUpdated":
      return text("name");
    case "RunQuarantined":
      return text("error");
    case "TaskResumed":
      return `by ${text("cause")}`;
    default:
      return "";
  }
}

function list(value: unknown): string {
  return Array.isArray(value) ? value.map(String).join(", ") : "";
}
