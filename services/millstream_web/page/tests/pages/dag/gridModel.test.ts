import { expect, it } from "vitest";
import type { Run } from "../../../src/api/types";
import { GridModel } from "../../../src/pages/dag/gridModel";
import { gridRows } from "../../../src/parts/grid/rows";
import { treeOf } from "../../../src/parts/groups";
import { event } from "../../events";
import { spec, task } from "../../specs";

const tree = treeOf(spec([task("a"), task("b")]));
const [a] = gridRows(tree, { folded: new Set(), instances: new Map() });

function run(runId: string, position: number, dagVersion = 2): Run {
  return {
    namespace: "default",
    dagId: "d",
    runId,
    dagVersion,
    state: "RUN_STATE_RUNNING",
    createdPosition: String(position),
  } as Run;
}

const model = () =>
  new GridModel(tree, 2, { runs: [run("r2", 9), run("r1", 7), run("old", 3, 1)], sums: new Map() });

it("has the newest run at the right", () => {
  expect(model().columns.map(({ runId }) => runId)).toEqual(["old", "r1", "r2"]);
});

it("knows that nothing happened to a task of this version, and not of another one", () => {
  expect(model().cells.at("r1", a!)).toEqual({ state: "TASK_STATE_NONE" });
  expect(model().cells.at("old", a!)).toBeUndefined();
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
