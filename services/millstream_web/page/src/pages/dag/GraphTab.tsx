import { useLocation } from "wouter";
import { useRead } from "../../api/queries";
import { useSearchParam } from "../../app/address";
import { late } from "../../app/late";
import { paths } from "../../app/paths";
import { Query } from "../../parts/Query";
import { RunPicker, useChosenRun } from "./RunPicker";
import type { TabProps } from "./tab";
import { useTaskStates } from "./useTaskStates";

const Graph = late(() => import("../../parts/graph/Graph"));

/** The graph of the version that the chosen run, or else the next one, is of. */
export default function GraphTab({ dag }: TabProps) {
  const { namespace, dagId } = dag;
  const chosen = useChosenRun(dag);
  const states = useTaskStates(chosen.run);
  const [task, setTask] = useSearchParam("task");
  const [, navigate] = useLocation();
  const version = useRead(
    "DagService/GetDagVersion",
    { namespace, dagId, version: chosen.run?.dagVersion ?? dag.latestVersion },
    { enabled: !chosen.isLoading },
  );
  const { run } = chosen;
  const open = (taskId: string): void =>
    navigate(run ? paths.task({ dagId, runId: run.runId, taskId, mapIndex: [] }) : "");
  return (
    <>
      <RunPicker {...chosen} />
      <Query of={version}>
        {({ dagVersion }) =>
          dagVersion?.spec && (
            <Graph
              spec={dagVersion.spec}
              states={states?.states}
              counts={states?.counts}
              selected={task}
              onSelect={setTask}
              onOpen={run && open}
            />
          )
        }
      </Query>
    </>
  );
}
