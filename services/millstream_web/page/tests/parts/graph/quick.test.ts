import { describe, expect, it } from "vitest";
import type { Box, Direction } from "../../../src/parts/graph/elk";
import { neighbour } from "../../../src/parts/graph/neighbour";
import { quickLayout } from "../../../src/parts/graph/quick";
import { visibleGraph } from "../../../src/parts/graph/visible";
import { treeOf } from "../../../src/parts/groups";
import { group, large, spec, task } from "../../specs";
import type { DagSpec } from "../../../src/api/types";

const laidOut = (of: DagSpec, direction: Direction = "right", folded: string[] = []) =>
  quickLayout(visibleGraph(treeOf(of), new Set(folded)), direction);

const overlaps = (one: Box, other: Box): boolean =>
  one.x < other.x + other.width &&
  other.x < one.x + one.width &&
  one.y < other.y + other.height &&
  other.y < one.y + one.height;

const isInside = (inner: Box, outer: Box): boolean =>
  inner.x > outer.x &&
  inner.y > outer.y &&
  inner.x + inner.width < outer.x + outer.width &&
  inner.y + inner.height < outer.y + outer.height;

describe.each(["right", "down"] as const)("a quick layout that goes %s", (direction) => {
  const layout = laidOut(large(300, 10), direction);

  it("lays no two siblings over each other, and keeps what is in a group in it", () => {
    const { nodes } = layout.graph;
    for (const one of nodes) {
      const box = layout.places.get(one.id)!;
      if (one.parent) expect(isInside(box, layout.places.get(one.parent)!)).toBe(true);
      for (const other of nodes) {
        if (other.id <= one.id || other.parent !== one.parent) continue;
        expect(overlaps(box, layout.places.get(other.id)!)).toBe(false);
      }
    }
  });

  it("goes with the flow, and leads every edge from the one to the other", () => {
    for (const { id, source, target } of layout.graph.edges) {
      const [from, to] = [layout.places.get(source)!, layout.places.get(target)!];
      const { points } = layout.routes.get(id)!;
      if (direction === "right") {
        expect(from.x + from.width).toBeLessThan(to.x);
        expect(points[0]?.x).toBe(from.x + from.width);
        expect(points.at(-1)?.x).toBe(to.x);
      } else {
        expect(from.y + from.height).toBeLessThan(to.y);
        expect(points.at(-1)?.y).toBe(to.y);
      }
    }
  });

  it("can be walked through with the arrow keys", () => {
    const arrow = direction === "right" ? "ArrowRight" : "ArrowDown";
    expect(neighbour(layout, "task:stage_0.t0", arrow)).toMatch(/^task:stage_1\.t[09]$/);
  });
});

it("lays out what hangs on nothing in columns", () => {
  const layout = laidOut(spec(Array.from({ length: 400 }, (_, index) => task(`t${index}`))));
  const columns = new Set([...layout.places.values()].map(({ x }) => x));
  expect(columns.size).toBeGreaterThan(8);
  expect(columns.size).toBeLessThan(40);
});

it("keeps in one layer what has edges to other groups alone: nothing stands in their way", () => {
  const layout = laidOut(large(300, 10));
  const first = layout.graph.nodes.filter(({ parent }) => parent === "group:stage_3");
  expect(new Set(first.map(({ id }) => layout.places.get(id)!.x)).size).toBe(1);
});

it("comes to an end where groups hang on each other both ways", () => {
  const layout = laidOut(
    spec(
      [
        task("a.1", [], { group: "a" }),
        task("b.1", ["a.1"], { group: "b" }),
        task("a.2", ["b.1"], { group: "a" }),
      ],
      [group("a"), group("b")],
    ),
  );
  expect(layout.places.size).toBe(5);
  expect(layout.routes.size).toBe(2);
});

it("puts the nodes of a layer in the order of what they hang on", () => {
  const layout = laidOut(
    spec([task("a"), task("b"), task("c"), task("z", ["a"]), task("y", ["b"]), task("x", ["c"])]),
  );
  const y = (id: string) => layout.places.get(`task:${id}`)!.y;
  expect(y("z")).toBeLessThan(y("y"));
  expect(y("y")).toBeLessThan(y("x"));
});
