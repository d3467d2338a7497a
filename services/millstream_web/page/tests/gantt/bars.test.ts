import { describe, expect, test } from "vitest";
import type { TaskInstance } from "../../src/api/types";
import { Bars, barsAt, barsOfInstance } from "../../src/parts/gantt/bars";
import { event } from "./event";

function barsOf(...events: ReturnType<typeof event>[]): Bars {
  const bars = new Bars();
  for (const each of events) bars.apply(each);
  return bars;
}

const RETRIED = [
  event(1, "RunStarted", 1),
  event(2, "TaskScheduled", 1),
  event(3, "TaskReady", 2, { attempt: 1 }),
  event(4, "TaskStarted", 3, { attempt: 1 }),
  event(5, "TaskFailed", 5, { attempt: 1, data: { retry_at: "later" } }),
  event(6, "TaskReady", 8, { attempt: 2 }),
  event(7, "TaskStarted", 9, { attempt: 2 }),
  event(8, "TaskSucceeded", 12, { attempt: 2 }),
];

describe("Bars", () => {
  test("waits and runs of each attempt", () => {
    const found = barsOf(...RETRIED).of.get("a")?.bars ?? [];
    expect(found.map(({ state, outcome, from, to }) => [state.slice(11), outcome?.slice(11), from / 1000, (to ?? 0) / 1000])).toEqual([
      ["SCHEDULED", undefined, 1, 2],
      ["QUEUED", undefined, 2, 3],
      ["RUNNING", "FAILED", 3, 5],
      ["UP_FOR_RETRY", undefined, 5, 8],
      ["QUEUED", undefined, 8, 9],
      ["RUNNING", "SUCCESS", 9, 12],
    ]);
  });

  test("a result that claims the attempt as well is the run's begin and end", () => {
    const found = barsOf(...RETRIED.slice(0, 3), event(4, "TaskSucceeded", 3, { attempt: 1, data: { worker: "w" } })).of.get("a")?.bars ?? [];
    expect(found.map(({ state, outcome, last }) => [state.slice(11), outcome?.slice(11), last])).toEqual([
      ["SCHEDULED", undefined, 3],
      ["QUEUED", undefined, 4],
      ["RUNNING", "SUCCESS", 4],
    ]);
  });

  test("what goes on has no end", () => {
    expect(barsOf(...RETRIED.slice(0, 4)).of.get("a")?.bars.at(-1)?.to).toBeUndefined();
  });

  test("as of a past event the last bar is cut there, and how it ended is not known yet", () => {
    const found = barsAt(barsOf(...RETRIED).of.get("a")?.bars ?? [], 4, 4000);
    expect(found).toHaveLength(3);
    expect(found.at(-1)).toEqual({ state: "TASK_STATE_RUNNING", attempt: 1, from: 3000, to: 4000, first: 4, last: 5 });
  });

  test("one event schedules all instances that wait for nothing else", () => {
    const bars = barsOf(
      event(1, "TaskReady", 1, { mapIndex: [1], attempt: 1 }),
      event(2, "TaskScheduled", 2, { data: { length: 3 } }),
    );
    expect(bars.of.get("a[0]")?.bars[0]?.state).toBe("TASK_STATE_SCHEDULED");
    expect(bars.of.get("a[1]")?.bars).toHaveLength(1);
    expect(bars.of.has("a")).toBe(false);
  });

  test("a trigger that changes its worker is one wait", () => {
    const bars = barsOf(
      event(1, "TaskStarted", 1, { attempt: 1 }),
      event(2, "TaskDeferred", 2, { attempt: 1 }),
      event(3, "TriggerReady", 2, { attempt: 2 }),
      event(4, "TriggerStarted", 3, { attempt: 2 }),
      event(5, "TriggerLost", 4, { attempt: 2 }),
      event(6, "TaskResumed", 9),
    );
    const found = bars.of.get("a")?.bars ?? [];
    expect(found.map((bar) => [bar.state.slice(11), bar.from / 1000])).toEqual([["RUNNING", 1], ["DEFERRED", 2], ["SCHEDULED", 9]]);
    expect(found[0]?.outcome).toBeUndefined();
  });
});

test("without events the latest attempt is known", () => {
  const task = { state: "TASK_STATE_FAILED", attempt: 2, queuedAt: new Date(1000).toISOString(), startedAt: new Date(2000).toISOString(), endedAt: new Date(5000).toISOString() } as TaskInstance;
  expect(barsOfInstance(task)).toEqual([
    { attempt: 2, first: 0, state: "TASK_STATE_QUEUED", from: 1000, to: 2000 },
    { attempt: 2, first: 0, state: "TASK_STATE_RUNNING", from: 2000, to: 5000, outcome: "TASK_STATE_FAILED" },
  ]);
  expect(barsOfInstance({ ...task, endedAt: undefined, state: "TASK_STATE_RUNNING" } as unknown as TaskInstance).at(-1)).not.toHaveProperty("to");
});
