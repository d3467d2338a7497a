import { expect, it } from "vitest";
import { around, treeOf } from "../../src/parts/groups";
import { stateOfAll } from "../../src/parts/states";
import { group, spec, task } from "../specs";

const nested = spec(
  [
    task("start"),
    task("a.b.x", ["start"], { group: "a.b" }),
    task("a.y", ["a.b.x"], { group: "a" }),
    task("end", ["a.y"], { displayName: "The end" }),
  ],
  [group("empty"), group("a"), group("a.b", "a"), group("z", "z")],
);

it("puts a group where its first task stands, without the groups that have none", () => {
  const { roots, groups } = treeOf(nested);
  expect(roots.map(({ id }) => id)).toEqual(["start", "a", "end"]);
  expect([...groups.keys()].sort()).toEqual(["a", "a.b"]);
  expect(groups.get("a")?.children.map(({ id }) => id)).toEqual(["a.b", "a.y"]);
  expect(groups.get("a")?.tasks).toEqual(["a.b.x", "a.y"]);
});

it("calls what is in a group without the name of the group", () => {
  const { tasks, groups } = treeOf(nested);
  expect(tasks.get("a.b.x")).toMatchObject({ label: "x", depth: 2, parent: "a.b" });
  expect(groups.get("a.b")).toMatchObject({ label: "b", depth: 1, parent: "a" });
  expect(tasks.get("end")?.label).toBe("The end");
});

it("knows the groups around a task, the innermost first", () => {
  expect(around(treeOf(nested), "a.b")).toEqual(["a.b", "a"]);
  expect(around(treeOf(nested), "")).toEqual([]);
});

it("stands groups that are each other's parent, and tasks of a group that is not there", () => {
  const odd = spec(
    [task("x", [], { group: "one" }), task("y", [], { group: "gone" })],
    [group("one", "two"), group("two", "one")],
  );
  const { roots, tasks } = treeOf(odd);
  expect(tasks.size).toBe(2);
  expect(roots.map(({ id }) => id)).toEqual(["two", "y"]);
});

it("says of several states what says most", () => {
  expect(stateOfAll(["TASK_STATE_SUCCESS", "TASK_STATE_FAILED", "TASK_STATE_RUNNING"])).toBe(
    "TASK_STATE_FAILED",
  );
  expect(stateOfAll(["TASK_STATE_SUCCESS", "TASK_STATE_SKIPPED"])).toBe("TASK_STATE_SUCCESS");
  expect(stateOfAll(["TASK_STATE_SUCCESS", "TASK_STATE_NONE"])).toBe("TASK_STATE_NONE");
  expect(stateOfAll([])).toBe("TASK_STATE_NONE");
});
