/** An event as a sentence: what it is about, and what happened to it. */
import { paths } from "../app/paths";
import type { LiveEvent } from "./fold";

type Words = string | ((said: (name: string) => string, event: LiveEvent) => string);

const WORDS: Record<string, Words> = {
  EpochStarted: (said) => `the scheduler ${said("holder")} took over`,
  DagVersionSubmitted: (said) => `version ${said("version")} was submitted`,
  DagPaused: (said) => `was paused${because(said("reason"))}`,
  DagUnpaused: "goes on",
  NextRunPlanned: "has its next run planned",
  BackfillCreated: (said) => `backfill ${said("backfill_id")} was made`,
  BackfillAdvanced: (said) => `backfill ${said("backfill_id")} went on to date ${said("number")}`,
  BackfillPaused: (said) => `backfill ${said("backfill_id")} was paused`,
  BackfillUnpaused: (said) => `backfill ${said("backfill_id")} goes on`,
  BackfillCancelled: (said) => `backfill ${said("backfill_id")} was cancelled`,
  BackfillCompleted: (said) => `backfill ${said("backfill_id")} is complete`,
  RunCreated: (said) => `was made (${said("run_type")})`,
  RunStarted: "started",
  RunSucceeded: "succeeded",
  RunFailed: (said) => `failed${because(said("reason") || said("failed_leaves"))}`,
  RunQuarantined: (said) => `was set aside${because(said("error"))}`,
  RunMarked: (said) => `was marked ${said("state")}${because(said("reason"))}`,
  RunReopened: "was opened again",
  DeadlineMissed: (said) => `missed its deadline ${said("name")}`,
  TaskExpanded: (said) => `has ${said("length")} instances`,
  TaskResized: (said) => `has ${said("length")} instances now`,
  TaskScheduled: "is scheduled",
  TaskReady: (said) => `is queued in ${said("queue")}`,
  TaskStarted: (said) => `started on ${said("worker")}`,
  TaskSucceeded: (said) => `succeeded${said("worker") && ` on ${said("worker")}`}`,
  TaskFailed: (said) =>
    `failed${because([said("error_type"), said("message")].filter(Boolean).join(": "))}${said("retry_at") && ", to be tried again"}`,
  TaskLost: (said) => `was lost by ${said("worker")}${because(said("reason"))}`,
  TaskSkipped: (said) => `was skipped${because(said("reason"))}`,
  TaskUpstreamFailed: (said) => `cannot run${because(said("reason"))}`,
  TaskRescheduled: "looks again later",
  TaskDeferred: "is deferred",
  TaskAwaitsInput: "waits for an answer",
  TaskResumed: (said) => `goes on (${said("cause")})`,
  TaskStopped: (said) => `was stopped${because(said("reason"))}`,
  TaskCleared: "was cleared",
  TaskMarked: (said) => `was marked ${said("state")}${because(said("note"))}`,
  AssetUpdated: (said) => `asset ${said("name")} was updated`,
  VariableSet: (said) => `variable ${said("key")} was set`,
  VariableDeleted: (said) => `variable ${said("key")} was deleted`,
  ConnectionSet: (said) => `connection ${said("conn_id")} was set`,
  ConnectionDeleted: (said) => `connection ${said("conn_id")} was deleted`,
  PoolSet: (said) => `pool ${said("name")} has ${said("slots") === "-1" ? "no limit" : `${said("slots")} slots`}`,
  PoolDeleted: (said) => `pool ${said("name")} was deleted`,
  UserCreated: (said) => `user ${said("name")} was made`,
  UserDeleted: (said) => `user ${said("name")} was deleted`,
  RoleGranted: (said) => `${said("subject")} became ${said("role")}${on(said)}`,
  RoleRevoked: (said) => `${said("subject")} is no longer ${said("role")}${on(said)}`,
  TokenCreated: (said) => `token ${said("token_id")} of ${said("user")} was made`,
  TokenRevoked: (said) => `token ${said("token_id")} was revoked`,
  SecretsReencrypted: (said) => `${said("count")} secrets were encrypted anew`,
  NothingChanged: "was asked for what was so already",
};

/** What happened: `failed: ValueError: no rows`. Of an event that is newer than this page, its name. */
export function wordsOf(event: LiveEvent): string {
  const words = WORDS[event.type];
  if (words === undefined) return spaced(event.type);
  if (typeof words === "string") return words;
  const said = (name: string) => textOf(event.data[name]);
  return words(said, event);
}

/**
 * What it happened to, the narrowest thing: a task, a run, a DAG; undefined for what is about none.
 * `short` says it where there is little room: run ids are long.
 */
export function subjectOf(
  event: LiveEvent,
): { name: string; of: string; short: string; to: string } | undefined {
  const { dagId, runId, taskId, mapIndex } = event;
  if (!dagId) return undefined;
  if (taskId && runId) {
    const index = mapIndex.length ? `[${mapIndex.join(", ")}]` : "";
    const name = `${taskId}${index}`;
    return { name, of: dagId, short: `${name} of ${dagId}`, to: paths.task(event) };
  }
  if (runId) return { name: runId, of: dagId, short: `run of ${dagId}`, to: paths.run(dagId, runId) };
  return { name: dagId, of: "", short: dagId, to: paths.dag(dagId) };
}

function because(reason: string): string {
  return reason && `: ${reason}`;
}

function on(said: (name: string) => string): string {
  const namespace = said("namespace");
  if (said("dag_id")) return ` of ${namespace}/${said("dag_id")}`;
  return namespace === "*" ? " everywhere" : ` of ${namespace}`;
}

function textOf(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (Array.isArray(value)) return value.map(textOf).join(", ");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function spaced(type: string): string {
  return type.replace(/(?<=.)(?=[A-Z])/g, " ").toLowerCase();
}

/** All types of events that this page knows. */
export const EVENT_TYPES: readonly string[] = Object.keys(WORDS).sort();
