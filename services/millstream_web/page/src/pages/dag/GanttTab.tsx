import { useRead } from "../../api/queries";
import type { Run } from "../../api/types";
import { Query } from "../../parts/Query";
import { RunGantt } from "../run/RunGantt";
import { useRunHistory } from "../run/useRunHistory";
import { RunPicker, useChosenRun } from "./RunPicker";
import type { TabProps } from "./tab";

/** What the tasks of the chosen run, or of the latest one, did when. */
export default function GanttTab({ dag }: TabProps) {
  const chosen = useChosenRun(dag);
  return (
    <>
      <RunPicker {...chosen} />
      {chosen.run && <OfRun key={chosen.run.runId} run={chosen.run} />}
    </>
  );
}

function OfRun({ run }: { run: Run }) {
  const { namespace, dagId, runId, dagVersion } = run;
  const history = useRunHistory({ namespace, dagId, runId }, undefined);
  const version = useRead("DagService/GetDagVersion", { namespace, dagId, version: dagVersion });
  return (
    <Query of={version}>
      {(found) => (
        <RunGantt run={run} spec={found.dagVersion?.spec ?? null} history={history} isLive />
      )}
    </Query>
  );
}
