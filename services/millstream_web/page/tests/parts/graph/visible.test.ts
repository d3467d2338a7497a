import { describe, expect, it } from "vitest";
import { foldedAtFirst, unfoldedTo, visibleGraph } from "../../../src/parts/graph/visible";
import { treeOf } from "../../../src/parts/groups";
import { group, large, spec, task } from "../../specs";

const tree = treeOf(
  spec(
    [
      task("start"),
      task("g.x", ["start"], { group: "g", edgeLabels: { start: "big" } }),
      task("g.y", ["start"], { group: "g", edgeLabels: { start: "small" } }),
      task("g.h.z", ["g.x"], { group: "g.h" }),
      task("end", ["g.y", "g.h.z"]),
    ],
    [group("g"), group("g.h", "g")],
  ),
);

const edges = (folded: string[]) =>
  visibleGraph(tree, new Set(folded)).edges.map(({ source, target, label }) =>
    [source, target, label].filter(Boolean).join(" "),
  );

describe("visibleGraph", () => {
  it("draws each task in its group, and labels the edges", () => {
    const { nodes } = visibleGraph(tree, new Set());
    expect(nodes.map(({ id, parent }) => [id, parent])).toContainEqual(["task:g.h.z", "group:g.h"]);
    expect(nodes.map(({ id, parent }) => [id, parent])).toContainEqual(["group:g.h", "group:g"]);
    expect(edges([])).toContain("task:start task:g.x big");
  });

  it("gives a folded group the edges of its tasks, each once, with all labels", () => {
    expect(edges(["g"])).toEqual(["task:start group:g big, small", "group:g task:end"]);
  });

  it("folds an inner group alone", () => {
    expect(edges(["g.h"])).toContain("task:g.x group:g.h");
    expect(edges(["g.h"])).toContain("group:g.h task:end");
  });

  it("leads what would be each to each through one point", () => {
    const sources = ["a", "b", "c", "d", "e"];
    const targets = ["v", "w", "x", "y", "z"];
    const wide = treeOf(
      spec([...sources.map((id) => task(id)), ...targets.map((id) => task(id, sources))]),
    );
    const found = visibleGraph(wide, new Set());
    expect(found.edges).toHaveLength(10);
    expect(found.nodes.filter(({ kind }) => kind === "join")).toHaveLength(1);
  });

  it("draws an edge to a task that is not there not at all", () => {
    expect(visibleGraph(treeOf(spec([task("a", ["gone", "a"])])), new Set()).edges).toEqual([]);
  });
});

describe("folding", () => {
  it("begins with all folded only where there are many tasks", () => {
    expect(foldedAtFirst(tree).size).toBe(0);
    expect(foldedAtFirst(treeOf(large(400))).size).toBe(40);
  });

  it("unfolds what hides a task, and leaves alone what does not", () => {
    const folded = new Set(["g", "g.h"]);
    expect([...unfoldedTo(tree, folded, "g.x")]).toEqual(["g.h"]);
    expect([...unfoldedTo(tree, folded, "g.h.z")]).toEqual([]);
    expect(unfoldedTo(tree, folded, "start")).toBe(folded);
  });
});
