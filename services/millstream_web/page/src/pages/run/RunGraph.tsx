import type { UseQueryResult } from "@tanstack/react-query";
import type { DagSpec, Run } from "../../api/types";
import { RunGrid } from "./RunGrid";
import type { RunHistory } from "./useRunHistory";

/** The tasks and what they wait for. */
export function RunGraph(of: { run: Run; spec: UseQueryResult<DagSpec | null, Error>; history: RunHistory }) {
  return <RunGrid {...of} />;
}
