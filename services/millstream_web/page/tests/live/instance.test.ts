import { expect, test } from "vitest";
import type { TaskInstance } from "../../src/api/types";
import { isAbout, patched } from "../../src/live/instance";
import { applied } from "../../src/pages/task/useTask";
import { event } from "../gantt/event";

const TASK = { dagId: "d", runId: "r", taskId: "a", mapIndex: [] as number[], state: "TASK_STATE_FAILED", attempt: 1, reason: "bad", traceback: "..", worker: "w-0", startedAt: "2026-01-01T00:00:00Z", endedAt: "2026-01-01T00:00:01Z" } as TaskInstance;

test("a new attempt forgets what the one before it did", () => {
  const next = patched(TASK, event(5, "TaskReady", 60, { attempt: 2, data: { queue: "gpu" } }));
  expect(next).toMatchObject({ state: "TASK_STATE_QUEUED", attempt: 2, queue: "gpu", reason: "", traceback: "", worker: "", queuedAt: "1970-01-01T00:01:00.000Z" });
  expect(next).not.toHaveProperty("startedAt");
  expect(next).not.toHaveProperty("endedAt");
  expect(TASK.attempt).toBe(1);
});

test("how an attempt begins and ends", () => {
  const started = patched(TASK, event(6, "TaskStarted", 61, { attempt: 2, data: { worker: "w-1", started_at: "S" } }));
  expect(started).toMatchObject({ state: "TASK_STATE_RUNNING", worker: "w-1", startedAt: "S" });
  const failed = patched(started, event(7, "TaskFailed", 62, { data: { error_type: "KeyError", message: "'x'", started_at: "S", ended_at: "E" } }));
  expect(failed).toMatchObject({ state: "TASK_STATE_FAILED", reason: "KeyError: 'x'", endedAt: "E" });
});

test("a short attempt is claimed by its result", () => {
  const data = { worker: "w-1", started_at: "S", ended_at: "E" };
  expect(patched(TASK, event(6, "TaskSucceeded", 61, { data }))).toMatchObject({ state: "TASK_STATE_SUCCESS", worker: "w-1", startedAt: "S", endedAt: "E" });
  expect(patched(TASK, event(6, "TaskSucceeded", 61, { data: { started_at: "S" } })).worker).toBe("w-0");
});

test("an event that is not about states changes nothing", () => {
  expect(patched(TASK, event(8, "TaskExpanded", 1))).toBe(TASK);
});

test("only the instance that an event is about is changed", () => {
  const other = { ...TASK, mapIndex: [1] };
  const tasks = [{ ...TASK, mapIndex: [0] }, other];
  const next = applied(tasks, [event(9, "TaskSucceeded", 9, { mapIndex: [0] })]);
  expect(next[0]?.state).toBe("TASK_STATE_SUCCESS");
  expect(next[1]).toBe(other);
  expect(isAbout(event(1, "TaskStarted", 1, { mapIndex: [1, 0] }), other)).toBe(false);
  expect(isAbout(event(1, "TaskStarted", 1, { mapIndex: [1], runId: "x" }), other)).toBe(false);
});
