import { BaseEdge, type EdgeProps } from "@xyflow/react";
import { useDrawn } from "./drawn";
import { pathOf, type Route } from "./elk";
import { taskNode } from "./visible";

/** An edge along the way that the layout found for it, with its label. */
export function RoutedEdge({ id, source, target, data, markerEnd }: EdgeProps) {
  const { selected } = useDrawn();
  const { route, text } = data as { route: Route; text: string };
  const node = selected === undefined ? undefined : taskNode(selected);
  const isNear = node === source || node === target;
  return (
    <g className={isNear ? "edge is-near" : "edge"}>
      <BaseEdge
        id={id}
        path={pathOf(route.points)}
        {...(markerEnd && !target.startsWith("join:") ? { markerEnd } : {})}
      />
      {text && route.label && (
        <>
          <rect className="edge-label" {...route.label} rx="4" />
          <text
            className="edge-text"
            x={route.label.x + route.label.width / 2}
            y={route.label.y + route.label.height / 2}
            textAnchor="middle"
            dominantBaseline="central"
          >
            {text}
          </text>
        </>
      )}
    </g>
  );
}
