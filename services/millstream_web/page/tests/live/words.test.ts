import { describe, expect, it } from "vitest";
import { EVENT_TYPES, subjectOf, wordsOf } from "../../src/live/words";
import { event } from "../event";

describe("wordsOf", () => {
  it.each([
    [event("RunCreated", { data: { run_type: "scheduled" } }), "was made (scheduled)"],
    [event("TaskFailed", { data: { error_type: "ValueError", message: "no rows" } }), "failed: ValueError: no rows"],
    [
      event("TaskFailed", { data: { error_type: "E", message: "", retry_at: "2026-01-01T00:00:00Z" } }),
      "failed: E, to be tried again",
    ],
    [event("RunFailed", { data: { failed_leaves: ["a", "b"] } }), "failed: a, b"],
    [event("TaskSucceeded", { data: { worker: "w-1" } }), "succeeded on w-1"],
    [event("RunFailed"), "failed"],
    [event("PoolSet", { data: { name: "p", slots: -1 } }), "pool p has no limit"],
    [event("RoleGranted", { data: { subject: "ada", role: "admin", namespace: "*" } }), "ada became admin everywhere"],
    [
      event("RoleGranted", { data: { subject: "ada", role: "viewer", namespace: "ns", dag_id: "d" } }),
      "ada became viewer of ns/d",
    ],
    [event("SomethingNewHappened"), "something new happened"],
  ])("$type", (of, words) => expect(wordsOf(of)).toBe(words));

  it("has words for every type without data, too", () => {
    for (const type of EVENT_TYPES) expect(wordsOf(event(type))).not.toMatch(/undefined|null|: $/);
  });
});

it("names the narrowest thing that an event is about", () => {
  const task = event("TaskStarted", { dagId: "d", runId: "r", taskId: "t", mapIndex: [0, 2] });
  expect(subjectOf(task)).toEqual({ name: "t[0, 2]", of: "d", short: "t[0, 2] of d", to: "/dags/d/runs/r/tasks/t?map=0%2C2" });
  expect(subjectOf(event("RunCreated", { runId: "r" }))?.to).toBe("/dags/d/runs/r");
  expect(subjectOf(event("DagPaused"))?.to).toBe("/dags/d");
  expect(subjectOf(event("PoolSet", { dagId: "" }))).toBeUndefined();
});
