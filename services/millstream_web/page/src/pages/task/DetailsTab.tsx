import { useSettings } from "../../app/settings";
import { useRead } from "../../api/queries";
import type { TaskInstance } from "../../api/types";
import { JsonTree } from "../../parts/json/JsonTree";
import { Query } from "../../parts/Query";
import { State } from "../../parts/State";
import { type Column, Table } from "../../parts/Table";
import { Time, Took } from "../../parts/Time";
import type { TaskAttempt } from "../../api/types";
import { stateOfAttempt, useAttempts } from "./attempts";
import { useSpec } from "./useSpec";

/** The attempts in full, and the task as its DAG version has it. */
export function DetailsTab({ task }: { task: TaskInstance }) {
  const { namespace } = useSettings();
  const attempts = useAttempts(namespace, task);
  const run = useRead("RunService/GetRun", { namespace, dagId: task.dagId, runId: task.runId });
  const spec = useSpec(task.dagId, run.data?.run?.dagVersion);
  const own = spec.data?.tasks.find((each) => each.taskId === task.taskId);
  return (
    <div className="details">
      <Query of={attempts}>
        {(answer) => (
          <Table
            label="Attempts"
            rows={answer.attempts}
            columns={COLUMNS}
            keyOf={(each) => String(each.attempt)}
          />
        )}
      </Query>
      {own?.doc && <p className="doc">{own.doc}</p>}
      {own && (
        <section className="sheet">
          <h2>Version {run.data?.run?.dagVersion} of the DAG says</h2>
          <JsonTree value={without(own)} level={1} label="The task" />
        </section>
      )}
    </div>
  );
}

const COLUMNS: Column<TaskAttempt>[] = [
  { name: "Attempt", cell: (each) => each.attempt, isNumber: true, width: "5rem" },
  { name: "State", cell: (each) => (each.state === "lost" || each.state === "stopped" ? each.state : <State of={stateOfAttempt(each.state)} />) },
  { name: "Worker", cell: (each) => each.worker, isExtra: true },
  { name: "Queued", cell: (each) => <Time at={each.queuedAt} />, isExtra: true },
  { name: "Started", cell: (each) => <Time at={each.startedAt} /> },
  { name: "Took", cell: (each) => each.startedAt && <Took from={each.startedAt} to={each.endedAt} />, isNumber: true },
  { name: "Reason", cell: (each) => each.reason },
];

/** What is not set says nothing. */
function without(value: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(value).filter(([, each]) => {
      if (each === "" || each === 0 || each === false || each === undefined) return false;
      return !(typeof each === "object" && each !== null && !Object.keys(each as object).length);
    }),
  );
}
