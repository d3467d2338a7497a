import { describe, expect, it } from "vitest";
import { GridCells } from "../../../src/parts/grid/cells";
import { gridRows } from "../../../src/parts/grid/rows";
import { barHeight, moved, scrolledTo, spanOf } from "../../../src/parts/grid/window";
import { treeOf } from "../../../src/parts/groups";
import type { TaskSum } from "../../../src/parts/instances";
import { event } from "../../events";
import { group, spec, task } from "../../specs";

const tree = treeOf(
  spec(
    [
      task("start"),
      task("g.a", ["start"], { group: "g" }),
      task("g.h.b", ["g.a"], { group: "g.h" }),
      task("m", ["start"], { mappedOver: [{ taskId: "start", length: 0, how: "", of: [] }] }),
    ],
    [group("g"), group("g.h", "g")],
  ),
);
const none = { folded: new Set<string>(), instances: new Map() };
const keys = (rows: readonly { key: string }[]) => rows.map(({ key }) => key);

describe("rows", () => {
  it("are groups, tasks and unfolded instances, in order", () => {
    const rows = gridRows(tree, { folded: new Set(["g.h"]), instances: new Map([["m", [[0], [1]]]]) });
    expect(keys(rows)).toEqual([
      "task:start",
      "group:g",
      "task:g.a",
      "group:g.h",
      "task:m",
      "task:m[0]",
      "task:m[1]",
    ]);
    expect(rows.map(({ isOpen }) => isOpen)).toEqual([
      undefined,
      true,
      undefined,
      false,
      true,
      undefined,
      undefined,
    ]);
  });

  it("are those that a search finds, in folded groups too, with the groups around them", () => {
    const folded = { ...none, folded: new Set(["g"]) };
    expect(keys(gridRows(tree, folded, "h.B"))).toEqual(["group:g", "group:g.h", "task:g.h.b"]);
    expect(gridRows(tree, none, "nothing")).toEqual([]);
  });
});

describe("cells", () => {
  const [start, g, a, , , m] = gridRows(tree, none);
  const filled = () => {
    const cells = new GridCells(tree);
    const sums = new Map<string, TaskSum>([
      ["start", { state: "TASK_STATE_SUCCESS" }],
      ["g.a", { state: "TASK_STATE_SUCCESS" }],
      ["m", { state: "TASK_STATE_RUNNING", done: 1, total: 2 }],
    ]);
    cells.setRun("r1", sums);
    return cells;
  };

  it("stand for what is in a group; what has not begun is not over", () => {
    expect(filled().at("r1", g!)).toEqual({ state: "TASK_STATE_NONE" });
    expect(filled().at("other", g!)).toBeUndefined();
  });

  it("change with an event, and so do the groups around, and no other row", () => {
    const cells = filled();
    const before = [start, g, a].map((row) => cells.stampOf(row!));
    expect(cells.take(event("TaskFailed", { taskId: "g.a" }))).toEqual({ isWhole: true });
    expect(cells.at("r1", a!)).toEqual({ state: "TASK_STATE_FAILED" });
    expect(cells.at("r1", g!)).toEqual({ state: "TASK_STATE_FAILED" });
    const after = [start, g, a].map((row) => cells.stampOf(row!));
    expect(after[0]).toBe(before[0]);
    expect(after[1]).not.toBe(before[1]);
    expect(after[2]).not.toBe(before[2]);
  });

  it("have to be asked for again where not all instances are known", () => {
    const cells = filled();
    const failed = event("TaskFailed", { taskId: "m", mapIndex: [1] });
    expect(cells.take(failed)).toEqual({ isWhole: false });
    expect(cells.at("r1", m!)).toEqual({ state: "TASK_STATE_FAILED", done: 1, total: 2 });
  });

  it("count exactly where they are known", () => {
    const cells = filled();
    cells.putInstances("r1", [
      { taskId: "m", mapIndex: [0], state: "TASK_STATE_SUCCESS" },
      { taskId: "m", mapIndex: [1], state: "TASK_STATE_RUNNING" },
    ]);
    expect(cells.indices("m")).toEqual([[0], [1]]);
    const done = event("TaskSucceeded", { taskId: "m", mapIndex: [1] });
    expect(cells.take(done)).toEqual({ isWhole: true });
    expect(cells.at("r1", m!)).toEqual({ state: "TASK_STATE_SUCCESS", done: 2, total: 2 });
    const [, instance] = gridRows(tree, { ...none, instances: new Map([["m", [[1]]]]) }, "m");
    expect(cells.at("r1", instance!)).toEqual({ state: "TASK_STATE_SUCCESS" });
  });

  it("follow the instances of an unfolded task in a run that comes later", () => {
    const cells = filled();
    cells.putInstances("r1", [{ taskId: "m", mapIndex: [0], state: "TASK_STATE_SUCCESS" }]);
    cells.setRun("r2", new Map([["m", { state: "TASK_STATE_NONE" as const }]]));
    cells.take(event("TaskExpanded", { runId: "r2", taskId: "m", data: { length: 2 } }));
    cells.take(event("TaskStarted", { runId: "r2", taskId: "m", mapIndex: [1] }));
    expect(cells.at("r2", m!)).toEqual({ state: "TASK_STATE_RUNNING", done: 0, total: 2 });
    expect(cells.indices("m")).toEqual([[0], [1]]);
  });

  it("keep their count when something is said of all instances", () => {
    const cells = filled();
    const scheduled = event("TaskScheduled", { taskId: "m", data: { length: 1 } });
    expect(cells.take(scheduled)).toEqual({ isWhole: false });
    expect(cells.at("r1", m!)).toEqual({ state: "TASK_STATE_RUNNING", done: 1, total: 2 });
  });

  it("are none of runs that are not shown, and of events about no task", () => {
    expect(filled().take(event("TaskFailed", { runId: "r9", taskId: "m" }))).toBe(false);
    expect(filled().take(event("RunFailed"))).toBe(false);
  });
});

describe("what is in the document", () => {
  it("is what is seen and some more, in steps", () => {
    expect(spanOf(0, 100, 10, 1000, 5)).toEqual({ from: 0, to: 15 });
    expect(spanOf(504, 100, 10, 1000, 5)).toEqual({ from: 45, to: 70 });
    expect(spanOf(9990, 100, 10, 1000, 5)).toEqual({ from: 990, to: 1000 });
    expect(spanOf(40, 100, 10, 3, 5)).toEqual({ from: 0, to: 3 });
    expect(spanOf(-30, 0, 10, 0, 5)).toEqual({ from: 0, to: 0 });
  });

  it("always covers what is seen", () => {
    for (let offset = 0; offset < 500; offset += 7) {
      const { from, to } = spanOf(offset, 93, 10, 1000, 6);
      expect(from * 10).toBeLessThanOrEqual(offset);
      expect(to * 10).toBeGreaterThanOrEqual(offset + 93);
    }
  });
});

describe("keys", () => {
  const press = (key: string, ctrlKey = false) =>
    moved({ row: 5, column: 5 }, { key, ctrlKey }, 20, 10);

  it("lead to the next cell, and no further than the edge", () => {
    expect(press("ArrowUp")).toEqual({ row: 4, column: 5 });
    expect(press("Home")).toEqual({ row: 5, column: 0 });
    expect(press("End", true)).toEqual({ row: 19, column: 9 });
    expect(press("PageDown")).toEqual({ row: 15, column: 5 });
    expect(moved({ row: -1, column: -1 }, { key: "ArrowLeft", ctrlKey: false }, 2, 2)).toEqual({
      row: -1,
      column: -1,
    });
    expect(press("x")).toBeUndefined();
  });

  it("scroll only as far as it takes", () => {
    expect(scrolledTo(100, 50, 80, 90)).toBe(80);
    expect(scrolledTo(100, 50, 145, 160)).toBe(110);
    expect(scrolledTo(100, 50, 110, 120)).toBe(100);
  });
});

it("shows of each run how long it took, the shortest too", () => {
  expect(barHeight(50, 100, 60)).toBe(30);
  expect(barHeight(0, 100, 60)).toBe(4);
  expect(barHeight(5, 0, 60)).toBe(4);
});
