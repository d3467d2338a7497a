/** States as people see them: a word, a colour and a sign, so that none is told by colour alone. */
import type { RunState, TaskState } from "../api/types";

export interface Look {
  /** Airflow's word for it. */
  word: string;
  /** The class that carries its colour: `state-success`. */
  name: string;
  /** One character. */
  sign: string;
}

const TASK: Record<TaskState, Look> = {
  TASK_STATE_UNSPECIFIED: { word: "no status", name: "none", sign: "·" },
  TASK_STATE_NONE: { word: "no status", name: "none", sign: "·" },
  TASK_STATE_SCHEDULED: { word: "scheduled", name: "scheduled", sign: "◷" },
  TASK_STATE_QUEUED: { word: "queued", name: "queued", sign: "≡" },
  TASK_STATE_RUNNING: { word: "running", name: "running", sign: "▶" },
  TASK_STATE_UP_FOR_RETRY: { word: "up for retry", name: "retry", sign: "↻" },
  TASK_STATE_UP_FOR_RESCHEDULE: { word: "up for reschedule", name: "retry", sign: "↷" },
  TASK_STATE_DEFERRED: { word: "deferred", name: "deferred", sign: "☾" },
  TASK_STATE_AWAITING_INPUT: { word: "awaiting input", name: "input", sign: "?" },
  TASK_STATE_SUCCESS: { word: "success", name: "success", sign: "✓" },
  TASK_STATE_FAILED: { word: "failed", name: "failed", sign: "✕" },
  TASK_STATE_SKIPPED: { word: "skipped", name: "skipped", sign: "⇥" },
  TASK_STATE_UPSTREAM_FAILED: { word: "upstream failed", name: "upstream", sign: "↑" },
  TASK_STATE_REMOVED: { word: "removed", name: "none", sign: "−" },
};

const RUN: Record<RunState, Look> = {
  RUN_STATE_UNSPECIFIED: { word: "no status", name: "none", sign: "·" },
  RUN_STATE_QUEUED: { word: "queued", name: "queued", sign: "≡" },
  RUN_STATE_RUNNING: { word: "running", name: "running", sign: "▶" },
  RUN_STATE_SUCCESS: { word: "success", name: "success", sign: "✓" },
  RUN_STATE_FAILED: { word: "failed", name: "failed", sign: "✕" },
};

/** How a state of a task or a run is shown. */
export function lookOf(state: TaskState | RunState): Look {
  return (TASK as Record<string, Look>)[state] ?? (RUN as Record<string, Look>)[state] ?? TASK.TASK_STATE_NONE;
}

/** The task states in the order in which a legend names them. */
export const TASK_STATES: readonly TaskState[] = [
  "TASK_STATE_SUCCESS",
  "TASK_STATE_RUNNING",
  "TASK_STATE_QUEUED",
  "TASK_STATE_SCHEDULED",
  "TASK_STATE_DEFERRED",
  "TASK_STATE_AWAITING_INPUT",
  "TASK_STATE_UP_FOR_RETRY",
  "TASK_STATE_UP_FOR_RESCHEDULE",
  "TASK_STATE_FAILED",
  "TASK_STATE_UPSTREAM_FAILED",
  "TASK_STATE_SKIPPED",
  "TASK_STATE_NONE",
];

// What of several states says most: what went wrong, then what goes on, then what is over.
const TELLING: readonly TaskState[] = [
  "TASK_STATE_FAILED",
  "TASK_STATE_UPSTREAM_FAILED",
  "TASK_STATE_UP_FOR_RETRY",
  "TASK_STATE_AWAITING_INPUT",
  "TASK_STATE_RUNNING",
  "TASK_STATE_UP_FOR_RESCHEDULE",
  "TASK_STATE_DEFERRED",
  "TASK_STATE_QUEUED",
  "TASK_STATE_SCHEDULED",
  "TASK_STATE_NONE",
  "TASK_STATE_SUCCESS",
  "TASK_STATE_SKIPPED",
  "TASK_STATE_REMOVED",
];
const RANK = new Map(TELLING.map((state, rank) => [state, rank]));

/** The one state that stands for several: of a group's tasks, or of a mapped task's instances. */
export function stateOfAll(states: Iterable<TaskState>): TaskState {
  let best = TELLING.length;
  for (const state of states) best = Math.min(best, RANK.get(state) ?? TELLING.length);
  return TELLING[best] ?? "TASK_STATE_NONE";
}
