import { expect, test } from "vitest";
import { runStateAfter, taskStateAfter } from "../../src/live/fold";
import { event } from "../gantt/event";
// Written from the core's own table; see tests/unit/web/test_page_states.py.
import cases from "./states.json";

test.each(cases)("$type leaves its task and its run as the core says", ({ type, data, task, run }) => {
  const found = event(1, type, 1, { data });
  expect(taskStateAfter(found) ?? null).toBe(task);
  expect(runStateAfter(found) ?? null).toBe(run);
});

test("every event that leaves a task in a state is among them", () => {
  expect(cases.filter((each) => each.task).length).toBeGreaterThan(20);
});
