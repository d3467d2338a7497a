/** Which node an arrow key leads to. */
import type { Box, Layout } from "./elk";

export type Arrow = "ArrowLeft" | "ArrowRight" | "ArrowUp" | "ArrowDown";

const SIGNS: Record<Arrow, readonly [x: number, y: number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

export function isArrow(key: string): key is Arrow {
  return key in SIGNS;
}

/**
 * With the flow: the nearest node downstream; against it: upstream; across: the next one beside.
 * Undefined: there is none there.
 */
export function neighbour(layout: Layout, from: string, arrow: Arrow): string | undefined {
  const here = layout.places.get(from);
  if (!here) return undefined;
  const [x, y] = SIGNS[arrow];
  const along = layout.direction === "right" ? x : y;
  const candidates = along === 0 ? beside(layout, from, arrow) : connected(layout, from, along > 0);
  return nearest(layout, here, candidates);
}

function connected(layout: Layout, from: string, isDownstream: boolean): string[] {
  const found = layout.graph.edges.flatMap((edge) => {
    const [near, far] = isDownstream ? [edge.source, edge.target] : [edge.target, edge.source];
    return near === from ? [far] : [];
  });
  return found.flatMap((id) => (id.startsWith("join:") ? connected(layout, id, isDownstream) : [id]));
}

/** Those that are more to that side than to any other one, and overlap with it in the flow. */
function beside(layout: Layout, from: string, arrow: Arrow): string[] {
  const here = layout.places.get(from);
  if (!here) return [];
  const [x, y] = SIGNS[arrow];
  return layout.graph.nodes.flatMap(({ id, kind }) => {
    const box = layout.places.get(id);
    if (!box || id === from || kind === "join" || kind === "group") return [];
    const [dx, dy] = apart(here, box);
    const isThere = dx * x + dy * y > 0;
    const overlaps =
      x === 0
        ? box.x < here.x + here.width && here.x < box.x + box.width
        : box.y < here.y + here.height && here.y < box.y + box.height;
    return isThere && overlaps ? [id] : [];
  });
}

function nearest(layout: Layout, here: Box, ids: readonly string[]): string | undefined {
  let best: string | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const id of ids) {
    const box = layout.places.get(id);
    const far = box ? Math.hypot(...apart(here, box)) : Number.POSITIVE_INFINITY;
    if (far < least) [best, least] = [id, far];
  }
  return best;
}

function apart(one: Box, other: Box): [number, number] {
  return [
    other.x + other.width / 2 - one.x - one.width / 2,
    other.y + other.height / 2 - one.y - one.height / 2,
  ];
}
