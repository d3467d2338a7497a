import { expect, test } from "vitest";
import type { DagSpec, TaskState } from "../../src/api/types";
import type { Cell } from "../../src/pages/run/history";
import { treeOf } from "../../src/parts/groups";
import { byTask, treeRows } from "../../src/pages/run/tree";

const SPEC = {
  groups: [
    { groupId: "g", parent: "", label: "" },
    { groupId: "g.inner", parent: "g", label: "Inner" },
  ],
  tasks: [
    { taskId: "first", group: "", displayName: "" },
    { taskId: "g.a", group: "g", displayName: "" },
    { taskId: "g.inner.b", group: "g.inner", displayName: "" },
    { taskId: "last", group: "", displayName: "" },
    { taskId: "g.c", group: "g", displayName: "" },
  ],
} as DagSpec;

const cell = (taskId: string, state: string, ...mapIndex: number[]): Cell => ({
  taskId,
  mapIndex,
  state: `TASK_STATE_${state}` as TaskState,
  attempt: 1,
});

const said = (cells: Cell[], turned: string[] = []) =>
  treeRows(treeOf(SPEC), byTask(cells), new Set(turned)).map((row) => `${" ".repeat(row.depth)}${row.name} ${row.state.slice(11)}`);

test("groups hold their tasks, with the worst of their states", () => {
  expect(said([cell("g.inner.b", "FAILED"), cell("first", "SUCCESS")])).toEqual([
    "first SUCCESS",
    "g FAILED",
    " a NONE",
    " Inner FAILED",
    "  b FAILED",
    " c NONE",
    "last NONE",
  ]);
  expect(said([], ["group:g"])).toEqual(["first NONE", "g NONE", "last NONE"]);
});

test("a mapped task unfolds into its instances, in the order of their indices", () => {
  const cells = [cell("last", "SCHEDULED"), cell("last", "SUCCESS", 10), cell("last", "RUNNING", 2)];
  expect(said(cells).at(-1)).toBe("last RUNNING");
  expect(said(cells, ["last"]).slice(-3)).toEqual(["last RUNNING", " [2] RUNNING", " [10] SUCCESS"]);
  expect(treeRows(treeOf(SPEC), byTask(cells), new Set()).at(-1)?.counts?.get("TASK_STATE_SUCCESS")).toBe(1);
});
