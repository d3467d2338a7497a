/**
 * A layout of large graphs in milliseconds, where ELK takes many seconds: groups from the inside out,
 * each in layers by the longest way to a node, the nodes of a layer beside those they hang on. The
 * edges turn once, and may run behind nodes.
 */
import {
  type Box,
  type Direction,
  GROUP_SPACE,
  type Layout,
  type Point,
  type Route,
  sizeOf,
  widthOf,
} from "./elk";
import type { VisibleEdge, VisibleGraph, VisibleNode } from "./visible";

const BETWEEN_LAYERS = 56;
const BETWEEN_NODES = 18;
const SWEEPS = 4;
const LANES = 6;

/** Sizes along the flow (main) and across it, whichever way it goes. */
interface Laid {
  main: number;
  cross: number;
  /** Where what is in it is, from its own corner. */
  at: Map<string, { main: number; cross: number }>;
}

type Link = readonly [from: string, to: string];

export function quickLayout(graph: VisibleGraph, direction: Direction): Layout {
  const parents = new Map(graph.nodes.map((node) => [node.id, node.parent]));
  const members = grouped(graph.nodes, (node) => node.parent);
  const links = linksByGroup(graph.edges, parents);
  const lone = loneOf(graph, parents);
  const laid = new Map<string, Laid>();
  const isRight = direction === "right";

  // What contains comes before what is in it, so from the end on the insides come first.
  for (const node of graph.nodes.toReversed()) {
    if (node.kind !== "group") {
      const { width, height } = sizeOf(node);
      const [main, cross] = isRight ? [width, height] : [height, width];
      laid.set(node.id, { main, cross, at: new Map() });
    } else {
      const inside = layered(members.get(node.id) ?? [], links.get(node.id) ?? [], laid, lone);
      laid.set(node.id, framed(inside, node, isRight));
    }
  }
  const whole = layered(members.get("") ?? [], links.get("") ?? [], laid, lone);
  const places = placed(graph.nodes, whole, laid, isRight);
  return { direction, graph, places, routes: routed(graph.edges, places, isRight) };
}

/** An edge between two nodes is one of the innermost group around both, between what it has of them. */
function linksByGroup(
  edges: readonly VisibleEdge[],
  parents: ReadonlyMap<string, string>,
): Map<string, Link[]> {
  const chain = (id: string): string[] => {
    const found = [id];
    for (let at = parents.get(id); at; at = parents.get(at)) found.push(at);
    return found;
  };
  const found = new Map<string, Link[]>();
  for (const { source, target } of edges) {
    const [from, to] = [chain(source), chain(target)];
    while (from.length > 1 && to.length > 1 && from.at(-1) === to.at(-1)) {
      from.pop();
      to.pop();
    }
    const [one, other] = [from.at(-1) ?? source, to.at(-1) ?? target];
    if (one === other) continue;
    push(found, parents.get(one) ?? "", [one, other]);
  }
  return found;
}

/** The nodes without any edge, of their own or of what is in them. */
function loneOf(graph: VisibleGraph, parents: ReadonlyMap<string, string>): ReadonlySet<string> {
  const lone = new Set(graph.nodes.map(({ id }) => id));
  for (const end of graph.edges.flatMap(({ source, target }) => [source, target])) {
    for (let at: string | undefined = end; at; at = parents.get(at)) lone.delete(at);
  }
  return lone;
}

function layered(
  nodes: readonly VisibleNode[],
  links: readonly Link[],
  laid: ReadonlyMap<string, Laid>,
  lone: ReadonlySet<string>,
): Laid {
  const layers = ordered(layersOf(nodes, links, lone), links);
  const sizes = layers.map((layer) => ({
    main: Math.max(0, ...layer.map((id) => laid.get(id)?.main ?? 0)),
    cross: layer.reduce((sum, id) => sum + (laid.get(id)?.cross ?? 0) + BETWEEN_NODES, -BETWEEN_NODES),
  }));
  const cross = Math.max(0, ...sizes.map((size) => size.cross));
  const at = new Map<string, { main: number; cross: number }>();
  let main = 0;
  for (const [index, layer] of layers.entries()) {
    const size = sizes[index] ?? { main: 0, cross: 0 };
    let below = (cross - size.cross) / 2;
    for (const id of layer) {
      at.set(id, { main, cross: below });
      below += (laid.get(id)?.cross ?? 0) + BETWEEN_NODES;
    }
    main += size.main + BETWEEN_LAYERS;
  }
  return { main: Math.max(0, main - BETWEEN_LAYERS), cross, at };
}

/** Each node one layer behind the last one before it. What has no edge at all stands in columns. */
function layersOf(
  nodes: readonly VisibleNode[],
  links: readonly Link[],
  lone: ReadonlySet<string>,
): string[][] {
  const next = new Map<string, string[]>();
  const waits = new Map<string, number>();
  const linked = new Set(links.flat());
  for (const [from, to] of links) {
    push(next, from, to);
    waits.set(to, (waits.get(to) ?? 0) + 1);
  }
  const depth = new Map<string, number>();
  const left = new Set(nodes.map(({ id }) => id).filter((id) => linked.has(id)));
  const ready = [...left].filter((id) => !waits.get(id));
  while (left.size) {
    // Groups may hang on each other both ways: then one of them begins.
    const id = ready.shift() ?? [...left][0] ?? "";
    if (!left.delete(id)) continue;
    for (const to of next.get(id) ?? []) {
      if (!left.has(to)) continue;
      depth.set(to, Math.max(depth.get(to) ?? 0, (depth.get(id) ?? 0) + 1));
      const waiting = (waits.get(to) ?? 0) - 1;
      waits.set(to, waiting);
      if (waiting === 0) ready.push(to);
    }
  }
  const alone = nodes.filter(({ id }) => lone.has(id));
  const tall = Math.ceil(Math.sqrt(alone.length) * 1.5);
  for (const [index, { id }] of alone.entries()) depth.set(id, Math.floor(index / tall));
  const layers: string[][] = [];
  for (const { id } of nodes) (layers[depth.get(id) ?? 0] ??= []).push(id);
  return layers.filter(Boolean);
}

/** The nodes of each layer in the order of what they hang on, there and back again. */
function ordered(layers: string[][], links: readonly Link[]): string[][] {
  const before = new Map<string, string[]>();
  const after = new Map<string, string[]>();
  for (const [from, to] of links) {
    push(before, to, from);
    push(after, from, to);
  }
  const place = new Map<string, number>();
  const note = (layer: readonly string[]): void => {
    for (const [index, id] of layer.entries()) place.set(id, index / layer.length);
  };
  layers.forEach(note);
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const isBack = sweep % 2 === 1;
    for (const layer of isBack ? layers.toReversed() : layers) {
      const pull = new Map(
        layer.map((id) => {
          const near = (isBack ? after : before).get(id) ?? [];
          const sum = near.reduce((total, each) => total + (place.get(each) ?? 0), 0);
          return [id, near.length ? sum / near.length : (place.get(id) ?? 0)];
        }),
      );
      layer.sort((one, other) => (pull.get(one) ?? 0) - (pull.get(other) ?? 0));
      note(layer);
    }
  }
  return layers;
}

/** A group around what is in it, with room for its name. */
function framed(inside: Laid, { label }: VisibleNode, isRight: boolean): Laid {
  const { top, side } = GROUP_SPACE;
  const [main, cross] = isRight ? [side, top] : [top, side];
  const named = widthOf(label) + 90;
  const at = new Map(
    [...inside.at].map(([id, place]) => [id, { main: place.main + main, cross: place.cross + cross }]),
  );
  const size = { main: inside.main + main + side, cross: inside.cross + cross + side };
  return isRight
    ? { main: Math.max(size.main, named), cross: size.cross, at }
    : { main: size.main, cross: Math.max(size.cross, named), at };
}

function placed(
  nodes: readonly VisibleNode[],
  whole: Laid,
  laid: ReadonlyMap<string, Laid>,
  isRight: boolean,
): Map<string, Box> {
  const places = new Map<string, Box>();
  for (const { id, parent } of nodes) {
    const own = laid.get(id);
    const at = (parent ? laid.get(parent) : whole)?.at.get(id);
    if (!own || !at) continue;
    const corner = places.get(parent) ?? { x: 0, y: 0 };
    const [x, y] = isRight ? [at.main, at.cross] : [at.cross, at.main];
    const [width, height] = isRight ? [own.main, own.cross] : [own.cross, own.main];
    places.set(id, {
      x: Math.round(corner.x + x),
      y: Math.round(corner.y + y),
      width: Math.ceil(width),
      height: Math.ceil(height),
    });
  }
  return places;
}

function routed(
  edges: readonly VisibleEdge[],
  places: ReadonlyMap<string, Box>,
  isRight: boolean,
): Map<string, Route> {
  const routes = new Map<string, Route>();
  for (const [index, { id, source, target, label }] of edges.entries()) {
    const [from, to] = [places.get(source), places.get(target)];
    if (!from || !to) continue;
    const points = turned(from, to, 12 + (index % LANES) * 5, isRight);
    const end = points.at(-1) ?? { x: 0, y: 0 };
    const width = widthOf(label, 6.8) + 10;
    const box = { x: end.x - width - 20, y: end.y - 22, width, height: 18 };
    routes.set(id, label ? { points, label: box } : { points });
  }
  return routes;
}

/** Out of the one, aside before the other, and into it. */
function turned(from: Box, to: Box, before: number, isRight: boolean): Point[] {
  const [start, end] = isRight
    ? [
        { x: from.x + from.width, y: from.y + from.height / 2 },
        { x: to.x, y: to.y + to.height / 2 },
      ]
    : [
        { x: from.x + from.width / 2, y: from.y + from.height },
        { x: to.x + to.width / 2, y: to.y },
      ];
  if (isRight ? start.x > end.x - before : start.y > end.y - before) return [start, end];
  return isRight
    ? [start, { x: end.x - before, y: start.y }, { x: end.x - before, y: end.y }, end]
    : [start, { x: start.x, y: end.y - before }, { x: end.x, y: end.y - before }, end];
}

function grouped<T>(all: readonly T[], keyOf: (one: T) => string): Map<string, T[]> {
  const found = new Map<string, T[]>();
  for (const each of all) push(found, keyOf(each), each);
  return found;
}

function push<T>(lists: Map<string, T[]>, key: string, one: T): void {
  const list = lists.get(key);
  if (list) list.push(one);
  else lists.set(key, [one]);
}
