import { expect, it } from "vitest";
import { GridModel } from "../../../src/pages/dag/gridModel";
import { type ShownRun, unpacked } from "../../../src/pages/dag/gridSource";
import { gridRows } from "../../../src/parts/grid/rows";
import { treeOf } from "../../../src/parts/groups";
import { event } from "../../events";
import { spec, task } from "../../specs";

const tree = treeOf(spec([task("a"), task("b")]));
const [a] = gridRows(tree, { folded: new Set(), instances: new Map() });

function run(runId: string, createdPosition: number): ShownRun {
  return { runId, state: "RUN_STATE_RUNNING", runType: "manual", createdPosition };
}

const none = { state: "TASK_STATE_NONE" as const };
const model = () =>
  new GridModel(tree, {
    runs: [run("r2", 9), run("r1", 7), run("old", 3)],
    sums: new Map([
      ["r2", new Map([["a", none]])],
      ["r1", new Map([["a", none]])],
      ["old", new Map()],
    ]),
  });

it("has the newest run at the right", () => {
  expect(model().columns.map(({ runId }) => runId)).toEqual(["old", "r1", "r2"]);
});

it("shows nothing of a task that the version of the run does not have", () => {
  expect(model().cells.at("r1", a!)).toEqual(none);
  expect(model().cells.at("old", a!)).toBeUndefined();
});

it("unpacks the states of a run, a byte a task", () => {
  const states = btoa(String.fromCharCode(5, 0, 6));
  const counts = [
    { state: "TASK_STATE_FAILED" as const, count: 1 },
    { state: "TASK_STATE_RUNNING" as const, count: 2 },
    { state: "TASK_STATE_REMOVED" as const, count: 9 },
  ];
  const found = unpacked({ states, mapped: { "2": { counts } } }, ["a", "b", "c"]);
  expect([...found]).toEqual([
    ["a", { state: "TASK_STATE_SUCCESS" }],
    ["c", { state: "TASK_STATE_FAILED", done: 1, total: 3 }],
  ]);
});

it("shows a new run, and a run that is over, at once", () => {
  const grid = model();
  const before = grid.columns;
  const after = grid.take([
    event("RunCreated", { runId: "r3", data: { run_type: "manual", version: 2 } }),
    event("RunSucceeded", { runId: "r1" }),
  ]);
  expect(after.hasChanged).toBe(true);
  expect(grid.columns).not.toBe(before);
  expect(grid.columns.at(-1)).toMatchObject({
    runId: "r3",
    runType: "manual",
    state: "RUN_STATE_QUEUED",
  });
  expect(grid.columns[1]).toMatchObject({
    state: "RUN_STATE_SUCCESS",
    endedAt: "2026-01-01T00:00:10Z",
  });
  expect(grid.cells.at("r3", a!)).toEqual({ state: "TASK_STATE_NONE" });
});

it("is the same list of runs as long as only tasks change", () => {
  const grid = model();
  const before = grid.columns;
  grid.take([event("TaskStarted", { taskId: "a" })]);
  expect(grid.columns).toBe(before);
  expect(grid.cells.at("r1", a!)).toEqual({ state: "TASK_STATE_RUNNING" });
});

it("says which runs have to be asked for again, and leaves alone what it does not show", () => {
  const grid = model();
  const found = grid.take([
    event("TaskStarted", { taskId: "a", mapIndex: [1] }),
    event("RunSucceeded", { runId: "not here" }),
  ]);
  expect([...found.askAgain]).toEqual(["r1"]);
  expect(grid.take([event("RunSucceeded", { runId: "not here" })]).hasChanged).toBe(false);
});
