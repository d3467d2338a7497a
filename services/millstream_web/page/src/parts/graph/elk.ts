/** A graph as ELK wants it, and what ELK found as we draw it. Nothing here computes a layout. */
import type { ElkExtendedEdge, ElkLabel, ElkNode } from "elkjs/lib/elk-api";
import type { VisibleGraph, VisibleNode } from "./visible";

export type Direction = "right" | "down";

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Point {
  x: number;
  y: number;
}

export interface Route {
  points: Point[];
  /** Where the label of the edge is. */
  label?: Box;
}

/** Where everything is, from the upper left corner of the whole. */
export interface Layout {
  direction: Direction;
  graph: VisibleGraph;
  places: ReadonlyMap<string, Box>;
  routes: ReadonlyMap<string, Route>;
}

const CHARACTER = 7.6;
const NARROWEST = 196;
const WIDEST = 340;
const NODE_HEIGHT = 56;
const JOIN = 10;
/** Above the tasks of a group is its name. */
export const GROUP_SPACE = { top: 38, side: 14 };

/** About how wide a text is; Chinese, Japanese and Korean characters are twice as wide. */
export function widthOf(text: string, character = CHARACTER): number {
  let wide = 0;
  for (const each of text) wide += (each.codePointAt(0) ?? 0) >= 0x1100 ? 2 : 1;
  return wide * character;
}

export function sizeOf(node: VisibleNode): { width: number; height: number } {
  if (node.kind === "join") return { width: JOIN, height: JOIN };
  const width = Math.ceil(Math.min(WIDEST, Math.max(NARROWEST, widthOf(node.label) + 40)));
  return { width, height: NODE_HEIGHT };
}

export function elkInput(graph: VisibleGraph, direction: Direction): ElkNode {
  const made = new Map<string, ElkNode>();
  const root: ElkNode = { id: "root", children: [] };
  for (const node of graph.nodes) {
    const isGroup = node.kind === "group";
    const own: ElkNode = isGroup
      ? { id: node.id, children: [], layoutOptions: groupOptions(node) }
      : { id: node.id, ...sizeOf(node) };
    made.set(node.id, own);
    (made.get(node.parent) ?? root).children?.push(own);
  }
  const isNested = graph.nodes.some((node) => node.kind === "group");
  root.layoutOptions = optionsFor(isNested, direction);
  root.edges = graph.edges.map((edge) => ({
    id: edge.id,
    sources: [edge.source],
    targets: [edge.target],
    ...(edge.label ? { labels: [labelOf(edge.label)] } : {}),
  }));
  return root;
}

function labelOf(text: string): ElkLabel {
  const layoutOptions = { "elk.edgeLabels.inline": "true" };
  return { text, width: widthOf(text, 6.8) + 10, height: 18, layoutOptions };
}

function groupOptions(node: VisibleNode): Record<string, string> {
  const { top, side } = GROUP_SPACE;
  const width = Math.ceil(Math.min(WIDEST, widthOf(node.label) + 90));
  return {
    "elk.padding": `[top=${top},left=${side},bottom=${side},right=${side}]`,
    "elk.nodeSize.constraints": "MINIMUM_SIZE",
    "elk.nodeSize.minimum": `(${width},${NODE_HEIGHT})`,
  };
}

function optionsFor(isNested: boolean, direction: Direction): Record<string, string> {
  return {
    "elk.algorithm": "layered",
    "elk.direction": direction === "right" ? "RIGHT" : "DOWN",
    "elk.edgeRouting": "ORTHOGONAL",
    "elk.json.shapeCoords": "ROOT",
    "elk.json.edgeCoords": "ROOT",
    "elk.spacing.nodeNode": "18",
    "elk.spacing.edgeNode": "14",
    "elk.layered.spacing.nodeNodeBetweenLayers": "46",
    "elk.layered.spacing.edgeNodeBetweenLayers": "18",
    "elk.layered.considerModelOrder.strategy": "NODES_AND_EDGES",
    "elk.layered.nodePlacement.strategy": "BRANDES_KOEPF",
    "elk.layered.nodePlacement.bk.fixedAlignment": "BALANCED",
    // Edges cross groups. Without groups this would only keep what is unconnected from being packed.
    "elk.hierarchyHandling": isNested ? "INCLUDE_CHILDREN" : "SEPARATE_CHILDREN",
  };
}

export function layoutFrom(graph: VisibleGraph, direction: Direction, found: ElkNode): Layout {
  const places = new Map<string, Box>();
  const walk = (node: ElkNode): void => {
    // Whole pixels: what the browser measures is then what we say, and nothing is measured again.
    const { x = 0, y = 0, width = 0, height = 0 } = node;
    const box = { x: Math.round(x), y: Math.round(y) };
    places.set(node.id, { ...box, width: Math.round(width), height: Math.round(height) });
    node.children?.forEach(walk);
  };
  found.children?.forEach(walk);
  const routes = new Map(found.edges?.map((edge) => [edge.id, routeOf(edge)]));
  return { direction, graph, places, routes };
}

function routeOf(edge: ElkExtendedEdge): Route {
  const section = edge.sections?.[0];
  const points = section ? [section.startPoint, ...(section.bendPoints ?? []), section.endPoint] : [];
  const label = edge.labels?.[0];
  if (!label) return { points };
  const { x = 0, y = 0, width = 0, height = 0 } = label;
  return { points, label: { x, y, width, height } };
}

/** An SVG path along the points, with round corners. */
export function pathOf(points: readonly Point[], radius = 6): string {
  return points
    .map((at, index) => {
      const before = points[index - 1];
      const after = points[index + 1];
      if (!before) return `M${at.x} ${at.y}`;
      if (!after) return `L${at.x} ${at.y}`;
      const from = towards(at, before, radius);
      const to = towards(at, after, radius);
      return `L${from.x} ${from.y}Q${at.x} ${at.y} ${to.x} ${to.y}`;
    })
    .join("");
}

function towards(from: Point, to: Point, most: number): Point {
  const length = Math.hypot(to.x - from.x, to.y - from.y);
  const part = length ? Math.min(most, length / 2) / length : 0;
  return { x: from.x + (to.x - from.x) * part, y: from.y + (to.y - from.y) * part };
}
