import { describe, expect, test } from "vitest";
import type { LiveEvent } from "../../src/live/fold";
import { History, indexAt } from "../../src/pages/run/history";
import { event } from "../gantt/event";

const EVENTS: LiveEvent[] = [
  event(10, "RunCreated", 1),
  event(11, "RunStarted", 2),
  event(12, "TaskReady", 2, { attempt: 1 }),
  event(14, "TaskStarted", 3, { attempt: 1 }),
  event(15, "TaskFailed", 4, { attempt: 1, data: { retry_at: "x" } }),
  event(16, "TaskScheduled", 4, { taskId: "m", data: { length: 3 } }),
  event(17, "TaskStarted", 5, { taskId: "m", mapIndex: [1], attempt: 1 }),
  event(18, "TaskReady", 6, { taskId: "a@on_failure_callback", attempt: 1 }),
  event(19, "TaskResized", 7, { taskId: "m", data: { length: 2 } }),
  event(20, "TaskSucceeded", 8, { attempt: 2 }),
  event(21, "RunFailed", 9),
];

const said = (history: History, index: number) =>
  Object.fromEntries([...history.at(index).cells].map(([key, cell]) => [key, cell.state.slice(11)]));

describe.each([1, 3, 4, 1024])("with a keyframe each %i events", (every) => {
  const history = new History(every);
  history.extend(EVENTS);

  test("each moment is what the events up to it say", () => {
    expect(history.at(-1)).toEqual({ run: "RUN_STATE_UNSPECIFIED", cells: new Map() });
    expect(history.at(0).run).toBe("RUN_STATE_QUEUED");
    expect(said(history, 2)).toEqual({ a: "QUEUED" });
    expect(said(history, 3)).toEqual({ a: "RUNNING" });
    expect(said(history, 5)).toEqual({ a: "UP_FOR_RETRY", "m[0]": "SCHEDULED", "m[1]": "SCHEDULED", "m[2]": "SCHEDULED" });
    expect(said(history, 7)).toEqual({ a: "UP_FOR_RETRY", "m[0]": "SCHEDULED", "m[1]": "RUNNING", "m[2]": "SCHEDULED" });
    expect(said(history, 8)["m[2]"]).toBe("REMOVED");
    expect(history.at(10).run).toBe("RUN_STATE_FAILED");
    expect(history.at(99).cells.get("a")).toMatchObject({ state: "TASK_STATE_SUCCESS", attempt: 2 });
  });

  test("what was given out does not change when the run goes on", () => {
    const growing = new History(every);
    growing.extend(EVENTS.slice(0, 4));
    const before = growing.at(3);
    growing.extend(EVENTS);
    expect(before.cells.get("a")?.state).toBe("TASK_STATE_RUNNING");
    for (let at = 0; at < EVENTS.length; at++) expect(growing.at(at)).toEqual(history.at(at));
  });
});

test("what a rerun takes over stands from the beginning", () => {
  const history = new History();
  history.extend([
    event(1, "RunCreated", 1),
    event(2, "ResultsTakenOver", 1, {
      taskId: "",
      data: { tasks: [{ task_id: "m", expanded: 1 }, { task_id: "m", map_index: [0], status: "success" }, { task_id: "b", status: "skipped" }] },
    }),
  ]);
  expect(said(history, 1)).toEqual({ "m[0]": "SUCCESS", b: "SKIPPED" });
});

test("a mapped task has its instances as soon as it is expanded, and again when it grows", () => {
  const history = new History();
  history.extend([
    event(1, "TaskExpanded", 1, { taskId: "m", data: { length: 2 } }),
    event(2, "TaskSucceeded", 2, { taskId: "m", mapIndex: [0] }),
    event(3, "TaskResized", 3, { taskId: "m", data: { length: 1 } }),
    event(4, "TaskResized", 4, { taskId: "m", data: { length: 3 } }),
  ]);
  expect(said(history, 0)).toEqual({ "m[0]": "NONE", "m[1]": "NONE" });
  expect(said(history, 2)).toEqual({ "m[0]": "SUCCESS", "m[1]": "REMOVED" });
  expect(said(history, 3)).toEqual({ "m[0]": "SUCCESS", "m[1]": "NONE", "m[2]": "NONE" });
});

test("a cleared task begins anew, and a reopened run is queued", () => {
  const history = new History();
  history.extend([...EVENTS, event(30, "RunReopened", 20), event(31, "TaskCleared", 20)]);
  expect(history.at(11).run).toBe("RUN_STATE_QUEUED");
  expect(said(history, 12).a).toBe("NONE");
});

test("a position is that of the last event at or before it", () => {
  expect([9, 10, 13, 14, 99].map((position) => indexAt(EVENTS, position))).toEqual([-1, 0, 2, 3, 10]);
});
