/** A layout as React Flow takes it, and which part of it is looked at. */
import { type Edge, MarkerType, type Node, Position, type Viewport } from "@xyflow/react";
import type { Box, Layout } from "./elk";

const DEPTH = { group: 0, join: 2, task: 2, folded: 2 } as const;
const EDGE_DEPTH = 1;
const MARGIN = 24;
// A graph that would have to be smaller is shown from its beginning, at a size that can be read.
const SMALLEST_WHOLE = 0.45;
const READABLE = 0.75;

export function flowNodes({ graph, places, direction }: Layout): Node[] {
  return graph.nodes.flatMap(({ id, kind, of }) => {
    const box = places.get(id);
    if (!box) return [];
    const { x, y, width, height } = box;
    return {
      id,
      // React Flow has styles of its own for a "group".
      type: kind === "group" ? "frame" : kind,
      position: { x, y },
      // Said rather than measured, so that what is out of sight need not be in the document.
      width,
      height,
      measured: { width, height },
      handles: handlesOf(box, direction),
      zIndex: DEPTH[kind],
      data: { of },
    };
  });
}

function handlesOf({ width, height }: Box, direction: Layout["direction"]): Node["handles"] {
  const size = { width: 1, height: 1 };
  return direction === "right"
    ? [
        { type: "target", position: Position.Left, x: 0, y: height / 2, ...size },
        { type: "source", position: Position.Right, x: width, y: height / 2, ...size },
      ]
    : [
        { type: "target", position: Position.Top, x: width / 2, y: 0, ...size },
        { type: "source", position: Position.Bottom, x: width / 2, y: height, ...size },
      ];
}

export function flowEdges({ graph, routes }: Layout): Edge[] {
  return graph.edges.flatMap(({ id, source, target, label }) => {
    const route = routes.get(id);
    if (!route?.points.length) return [];
    return {
      id,
      source,
      target,
      type: "routed",
      zIndex: EDGE_DEPTH,
      markerEnd: { type: MarkerType.ArrowClosed, width: 16, height: 16, color: "var(--faint)" },
      data: { route, text: label },
    };
  });
}

export interface Size {
  width: number;
  height: number;
}

/** Where somebody begins to look: at the whole, or at the first task if that is too much. */
export function firstView(layout: Layout, seen: Size): Viewport {
  const boxes = [...layout.places.values()];
  const right = Math.max(...boxes.map((box) => box.x + box.width), 1);
  const bottom = Math.max(...boxes.map((box) => box.y + box.height), 1);
  const whole = Math.min(
    1,
    (seen.width - 2 * MARGIN) / right,
    (seen.height - 2 * MARGIN) / bottom,
  );
  if (whole >= SMALLEST_WHOLE) {
    const zoom = whole;
    return { x: (seen.width - right * zoom) / 2, y: (seen.height - bottom * zoom) / 2, zoom };
  }
  const zoom = READABLE;
  const ids = layout.graph.nodes.filter((node) => node.kind !== "group" && node.kind !== "join");
  const first = ids[0] && layout.places.get(ids[0].id);
  const at = first ?? { x: 0, y: 0, width: 0, height: 0 };
  return layout.direction === "right"
    ? { x: MARGIN - at.x * zoom, y: seen.height / 2 - (at.y + at.height / 2) * zoom, zoom }
    : { x: seen.width / 2 - (at.x + at.width / 2) * zoom, y: MARGIN - at.y * zoom, zoom };
}

/** Whether the whole box is seen. */
export function isSeen(box: Box, view: Viewport, seen: Size): boolean {
  const left = box.x * view.zoom + view.x;
  const top = box.y * view.zoom + view.y;
  return (
    left >= 0 &&
    top >= 0 &&
    left + box.width * view.zoom <= seen.width &&
    top + box.height * view.zoom <= seen.height
  );
}

/** The view in which `now` is where `before` was. */
export function anchored(view: Viewport, before: Box, now: Box): Viewport {
  return {
    x: view.x + (before.x - now.x) * view.zoom,
    y: view.y + (before.y - now.y) * view.zoom,
    zoom: view.zoom,
  };
}
