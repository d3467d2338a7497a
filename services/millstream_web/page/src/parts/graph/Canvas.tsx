import { Controls, MiniMap, ReactFlow, useReactFlow } from "@xyflow/react";
import { type KeyboardEvent, type RefObject, useEffect, useMemo, useRef } from "react";
import type { TaskState } from "../../api/types";
import { lookOf, stateOfAll } from "../states";
import { type Drawn, useDrawn } from "./drawn";
import type { Layout } from "./elk";
import { anchored, firstView, flowEdges, flowNodes, isSeen, type Size } from "./flow";
import { isArrow, neighbour } from "./neighbour";
import { nodeTypes } from "./nodes";
import { RoutedEdge } from "./RoutedEdge";
import { taskNode } from "./visible";

const edgeTypes = { routed: RoutedEdge };
const QUICK = { duration: 200 };
const SMALLEST_CHOSEN = 0.5;
// Fewer are overlooked as they are, and an overview would cover some of them.
const MANY_NODES = 25;

/** The graph itself: what is moved, zoomed and walked through. */
export function Canvas({
  layout,
  calmStates,
  anchor,
}: {
  layout: Layout;
  /** The states for the overview, which may come a little later. */
  calmStates: ReadonlyMap<string, TaskState> | undefined;
  /** The node that stays where it is when the next layout comes. */
  anchor: RefObject<string | undefined>;
}) {
  const drawn = useDrawn();
  const box = useRef<HTMLDivElement>(null);
  const nodes = useMemo(() => flowNodes(layout), [layout]);
  const edges = useMemo(() => flowEdges(layout), [layout]);
  const begin = useCamera(layout, anchor, box, drawn);

  const walk = (event: KeyboardEvent): void => {
    const isNode = event.target instanceof HTMLElement && event.target.dataset.node;
    if (!isNode || !isArrow(event.key) || drawn.current === undefined) return;
    event.preventDefault();
    const next = neighbour(layout, drawn.current, event.key);
    if (next === undefined) return;
    drawn.takesFocus.current = true;
    drawn.choose(next);
  };
  const classOf = useMemo(
    () => (node: { id: string; data: Record<string, unknown> }) =>
      overviewClass(node, drawn.tree, calmStates),
    [drawn.tree, calmStates],
  );
  return (
    <div className="graph-canvas" ref={box} onKeyDown={walk}>
      <ReactFlow
        nodes={nodes}
        edges={edges}
        nodeTypes={nodeTypes}
        edgeTypes={edgeTypes}
        onInit={begin}
        onlyRenderVisibleElements
        nodesDraggable={false}
        nodesConnectable={false}
        nodesFocusable={false}
        edgesFocusable={false}
        elementsSelectable={false}
        disableKeyboardA11y
        deleteKeyCode={null}
        selectionKeyCode={null}
        multiSelectionKeyCode={null}
        panActivationKeyCode={null}
        zoomActivationKeyCode={null}
        minZoom={0.02}
        maxZoom={2}
        aria-label="Tasks; the arrow keys go from one to the next"
      >
        <Controls showInteractive={false} fitViewOptions={QUICK} />
        {nodes.length >= MANY_NODES && (
          <MiniMap pannable zoomable ariaLabel="Overview" nodeClassName={classOf} />
        )}
      </ReactFlow>
    </div>
  );
}

/** Keeps in view what is chosen, and in its place what was folded. Returns how the look begins. */
function useCamera(
  layout: Layout,
  anchor: RefObject<string | undefined>,
  box: RefObject<HTMLDivElement | null>,
  { current, takesFocus }: Drawn,
): () => void {
  const flow = useReactFlow();
  const shown = useRef(layout);
  const place = current === undefined ? undefined : layout.places.get(current);
  const seen = (): Size => box.current?.getBoundingClientRect() ?? { width: 0, height: 0 };
  const reveal = (options: { duration?: number }): void => {
    if (!place || isSeen(place, flow.getViewport(), seen())) return;
    const zoom = Math.max(flow.getZoom(), SMALLEST_CHOSEN);
    const middle = [place.x + place.width / 2, place.y + place.height / 2] as const;
    void flow.setCenter(...middle, { zoom, ...options });
  };
  useEffect(() => {
    const before = shown.current;
    shown.current = layout;
    if (before === layout || !flow.viewportInitialized) return reveal(QUICK);
    const was = anchor.current && before.places.get(anchor.current);
    const is = anchor.current && layout.places.get(anchor.current);
    // What was a frame is a node now, or the other way round: the focus goes over to it.
    if (is) takesFocus.current = true;
    anchor.current = undefined;
    const isSameWay = before.direction === layout.direction;
    const stays = was && is && isSameWay ? anchored(flow.getViewport(), was, is) : undefined;
    void flow.setViewport(stays ?? firstView(layout, seen()));
    if (!stays) reveal({});
    // A state, or a move by hand, is no reason to look elsewhere.
  }, [layout, current]);
  return () => {
    void flow.setViewport(firstView(layout, seen()));
    reveal({});
  };
}

function overviewClass(
  node: { id: string; data: Record<string, unknown> },
  tree: Drawn["tree"],
  states: ReadonlyMap<string, TaskState> | undefined,
): string {
  const of = String(node.data.of);
  if (tree.tasks.has(of) && node.id === taskNode(of))
    return `state-${lookOf(states?.get(of) ?? "TASK_STATE_NONE").name}`;
  const tasks = tree.groups.get(of)?.tasks ?? [];
  const sum = stateOfAll(tasks.map((task) => states?.get(task) ?? "TASK_STATE_NONE"));
  return `state-${lookOf(sum).name} is-group`;
}
