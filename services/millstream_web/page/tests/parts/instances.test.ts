import { expect, it } from "vitest";
import { compareIndices, Instances } from "../../src/parts/instances";
import { event } from "../events";

const none = (taskId: string) => ({ taskId, mapIndex: [], state: "TASK_STATE_NONE" as const });

it("follows one task through its events", () => {
  const found = new Instances([none("a")]);
  expect(found.take(event("TaskReady", { taskId: "a" }))).toBe("a");
  expect(found.sum("a")).toEqual({ state: "TASK_STATE_QUEUED" });
  found.take(event("TaskFailed", { taskId: "a", data: { retry_at: "2026-01-01T00:00:00Z" } }));
  expect(found.sum("a")).toEqual({ state: "TASK_STATE_UP_FOR_RETRY" });
  expect(found.take(event("DeadlineSet", { taskId: "a" }))).toBeUndefined();
  expect(found.take(event("RunStarted"))).toBeUndefined();
});

it("counts the instances of a mapped task once it is known how many there are", () => {
  const found = new Instances([none("m")]);
  found.take(event("TaskExpanded", { taskId: "m", data: { length: 3 } }));
  expect(found.sum("m")).toEqual({ state: "TASK_STATE_NONE", done: 0, total: 3 });
  found.take(event("TaskSucceeded", { taskId: "m", mapIndex: [1] }));
  found.take(event("TaskStarted", { taskId: "m", mapIndex: [2] }));
  expect(found.sum("m")).toEqual({ state: "TASK_STATE_RUNNING", done: 1, total: 3 });
  expect(found.indices("m")).toEqual([[0], [1], [2]]);
});

it("schedules of a mapped task only what has not begun", () => {
  const found = new Instances([none("m")]);
  found.take(event("TaskExpanded", { taskId: "m", data: { length: 2 } }));
  found.take(event("TaskStarted", { taskId: "m", mapIndex: [0] }));
  found.take(event("TaskScheduled", { taskId: "m", data: { length: 1 } }));
  expect(found.at("m", [0])).toBe("TASK_STATE_RUNNING");
  expect(found.at("m", [1])).toBe("TASK_STATE_SCHEDULED");
});

it("expands what is in a mapped group within its own index", () => {
  const found = new Instances();
  found.take(event("TaskExpanded", { taskId: "m", mapIndex: [4], data: { length: 2 } }));
  expect(found.indices("m")).toEqual([
    [4, 0],
    [4, 1],
  ]);
});

it("does not count what was removed", () => {
  const found = new Instances([
    { taskId: "m", mapIndex: [0], state: "TASK_STATE_SUCCESS" },
    { taskId: "m", mapIndex: [1], state: "TASK_STATE_REMOVED" },
  ]);
  expect(found.sum("m")).toEqual({ state: "TASK_STATE_SUCCESS", done: 1, total: 1 });
});

it("orders map indices by number", () => {
  expect([[10], [2], [2, 1], [0, 5]].sort(compareIndices)).toEqual([[0, 5], [2], [2, 1], [10]]);
});
