import ELK from "elkjs/lib/elk.bundled.js";
import { describe, expect, it, vi } from "vitest";
import {
  type Direction,
  elkInput,
  type Layout,
  layoutFrom,
  pathOf,
  widthOf,
} from "../../../src/parts/graph/elk";
import { anchored, firstView, flowEdges, flowNodes, isSeen } from "../../../src/parts/graph/flow";
import { neighbour } from "../../../src/parts/graph/neighbour";
import { visibleGraph } from "../../../src/parts/graph/visible";
import { treeOf } from "../../../src/parts/groups";
import { group, spec, task } from "../../specs";

// ELK is compiled when it is used first, which takes its time on a machine with other work.
vi.setConfig({ testTimeout: 60_000 });
const elk = new ELK();

async function laidOut(folded: string[] = [], direction: Direction = "right"): Promise<Layout> {
  const tree = treeOf(
    spec(
      [
        task("start"),
        task("g.x", ["start"], { group: "g", edgeLabels: { start: "a <b>label</b>" } }),
        task("g.h.y", ["start"], { group: "g.h" }),
        task("end ü/1", ["g.x", "g.h.y"]),
      ],
      [group("g"), group("g.h", "g")],
    ),
  );
  const graph = visibleGraph(tree, new Set(folded));
  return layoutFrom(graph, direction, await elk.layout(elkInput(graph, direction)));
}

const box = (layout: Layout, id: string) => layout.places.get(id)!;

describe("a layout", () => {
  it("goes from left to right, with tasks inside their groups", async () => {
    const layout = await laidOut();
    const outer = box(layout, "group:g");
    const inner = box(layout, "group:g.h");
    const leaf = box(layout, "task:g.h.y");
    expect(inner.x).toBeGreaterThan(outer.x);
    expect(leaf.x).toBeGreaterThan(inner.x);
    expect(leaf.y + leaf.height).toBeLessThan(inner.y + inner.height);
    expect(box(layout, "task:start").x).toBeLessThan(outer.x);
    expect(box(layout, "task:end ü/1").x).toBeGreaterThan(outer.x + outer.width);
  });

  it("leads each edge from the one to the other, and finds a place for its label", async () => {
    const layout = await laidOut();
    const route = layout.routes.get("task:start>task:g.x")!;
    const from = box(layout, "task:start");
    const to = box(layout, "task:g.x");
    expect(route.points[0]?.x).toBeCloseTo(from.x + from.width, 0);
    expect(route.points.at(-1)?.x).toBeCloseTo(to.x, 0);
    expect(route.label!.x).toBeGreaterThan(from.x + from.width);
    expect(route.label!.x + route.label!.width).toBeLessThan(to.x);
  });

  it("goes down if that is wanted", async () => {
    const layout = await laidOut(["g"], "down");
    expect(box(layout, "group:g").y).toBeGreaterThan(box(layout, "task:start").y);
    expect(layout.places.has("task:g.x")).toBe(false);
  });

  it("is drawn whole, in whole pixels, with the sizes that are said", async () => {
    const layout = await laidOut();
    const nodes = flowNodes(layout);
    expect(nodes).toHaveLength(6);
    expect(flowEdges(layout)).toHaveLength(4);
    for (const node of nodes) {
      expect(Number.isInteger(node.width)).toBe(true);
      expect(node.measured).toEqual({ width: node.width, height: node.height });
      expect(node.handles).toHaveLength(2);
    }
  });
});

describe("arrow keys", () => {
  it("follow the edges along, and go to the next one across", async () => {
    const layout = await laidOut();
    expect(neighbour(layout, "task:end ü/1", "ArrowRight")).toBeUndefined();
    expect(neighbour(layout, "task:g.x", "ArrowLeft")).toBe("task:start");
    expect(neighbour(layout, "task:g.x", "ArrowRight")).toBe("task:end ü/1");
    const beside = box(layout, "task:g.x").y < box(layout, "task:g.h.y").y ? "Down" : "Up";
    expect(neighbour(layout, "task:g.x", `Arrow${beside}`)).toBe("task:g.h.y");
  });

  it("go down where the graph does", async () => {
    const layout = await laidOut(["g"], "down");
    expect(neighbour(layout, "task:start", "ArrowDown")).toBe("group:g");
    expect(neighbour(layout, "group:g", "ArrowUp")).toBe("task:start");
  });
});

describe("what is looked at", () => {
  it("is the whole where that can be read, and else the beginning", async () => {
    const layout = await laidOut();
    const whole = firstView(layout, { width: 1200, height: 600 });
    for (const place of layout.places.values()) {
      expect(isSeen(place, whole, { width: 1200, height: 600 })).toBe(true);
    }
    const small = { width: 300, height: 300 };
    const start = firstView(layout, small);
    expect(start.zoom).toBe(0.75);
    expect(isSeen(box(layout, "task:start"), start, small)).toBe(true);
    expect(isSeen(box(layout, "task:end ü/1"), start, small)).toBe(false);
  });

  it("stays where it was when something is folded", () => {
    const was = { x: 100, y: 50, width: 10, height: 10 };
    const is = { x: 160, y: 20, width: 10, height: 10 };
    expect(anchored({ x: 5, y: 5, zoom: 0.5 }, was, is)).toEqual({ x: -25, y: 20, zoom: 0.5 });
  });
});

it("draws round corners, smaller where there is no room", () => {
  const corner = [
    { x: 0, y: 0 },
    { x: 20, y: 0 },
    { x: 20, y: 4 },
  ];
  expect(pathOf(corner)).toBe("M0 0L14 0Q20 0 20 2L20 4");
  expect(pathOf([])).toBe("");
});

it("knows that some characters are wide", () => {
  expect(widthOf("日本", 1)).toBe(4);
  expect(widthOf("äb", 1)).toBe(2);
});
