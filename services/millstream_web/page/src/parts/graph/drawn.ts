/** What the nodes and edges of a graph know besides where they are. It changes without a layout. */
import { createContext, useContext } from "react";
import type { TaskState } from "../../api/types";
import type { GroupTree } from "../groups";
import type { Direction } from "./elk";

/** Of a mapped task: how many of its instances are over, and how many there are. */
export interface MappedCount {
  done: number;
  total: number;
}

export interface Drawn {
  tree: GroupTree;
  direction: Direction;
  /** Undefined: there is no run, so there are no states. */
  states: ReadonlyMap<string, TaskState> | undefined;
  counts: ReadonlyMap<string, MappedCount> | undefined;
  selected: string | undefined;
  /** The node that the keyboard is at. */
  current: string | undefined;
  /** The tasks that the search found; undefined: nothing is searched. */
  found: ReadonlySet<string> | undefined;
  /** Whether the node that becomes the current one takes the focus. */
  takesFocus: { current: boolean };
  choose: (nodeId: string) => void;
  open: ((taskId: string) => void) | undefined;
  fold: (groupId: string) => void;
}

export const DrawnContext = createContext<Drawn | undefined>(undefined);

export function useDrawn(): Drawn {
  const drawn = useContext(DrawnContext);
  if (!drawn) throw new Error("A node of a graph stands outside of it.");
  return drawn;
}
