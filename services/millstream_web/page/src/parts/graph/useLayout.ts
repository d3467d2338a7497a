import { useEffect, useState } from "react";
import type { Direction, Layout } from "./elk";
import type { VisibleGraph } from "./visible";
import { quickLayout } from "./quick";
import { layOut } from "./worker";

// Of more nodes than this ELK takes longer than anybody waits.
const MOST_FOR_ELK = 250;

/** The layout of a graph; while another one is computed, the last one. */
export function useLayout(
  graph: VisibleGraph,
  direction: Direction,
): { layout?: Layout; error?: Error } {
  const [found, setFound] = useState<{ layout?: Layout; error?: Error }>({});
  useEffect(() => {
    if (graph.nodes.length > MOST_FOR_ELK) {
      setFound({ layout: quickLayout(graph, direction) });
      return;
    }
    let isWanted = true;
    layOut(graph, direction).then(
      (layout) => isWanted && setFound({ layout }),
      (error: unknown) => isWanted && setFound({ error: asError(error) }),
    );
    return () => {
      isWanted = false;
    };
  }, [graph, direction]);
  return found;
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(`The graph could not be laid out: ${String(error)}`);
}
