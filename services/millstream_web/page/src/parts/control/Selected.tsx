import type { UseQueryResult } from "@tanstack/react-query";
import { Link } from "wouter";
import { paths } from "../../app/paths";
import type { ControlledTask } from "../../api/types";
import { instanceKey } from "../gantt/bars";
import { Failure } from "../Query";
import { Table } from "../Table";

export function counted(tasks: number): string {
  return `${tasks.toLocaleString("en")} task ${tasks === 1 ? "instance" : "instances"}`;
}

/** What a clear or a mark would change, before it is done. */
export function Selected({
  of,
  what,
}: {
  of: UseQueryResult<{ tasks: ControlledTask[]; notFollowed?: ControlledTask[] }, Error>;
  what: string;
}) {
  if (of.error) return <Failure error={of.error} />;
  const tasks = of.data?.tasks ?? [];
  const hasOthers = new Set(tasks.map((task) => `${task.dagId} ${task.runId}`)).size > 1;
  return (
    <div className={of.isFetching ? "selected-tasks is-old" : "selected-tasks"}>
      <p role="status">
        {of.data ? `${counted(tasks.length)} would be ${what}.` : "Looking…"}
      </p>
      {tasks.length > 0 && (
        <Table
          label={`What would be ${what}`}
          rows={tasks}
          rowHeight={28}
          keyOf={(task) => JSON.stringify([task.dagId, task.runId, task.taskId, task.mapIndex])}
          columns={[
            {
              name: "Task",
              cell: (task) => <Link href={paths.task(task)}>{instanceKey(task.taskId, task.mapIndex)}</Link>,
            },
            ...(hasOthers
              ? [{ name: "Run", cell: (task: ControlledTask) => `${task.dagId} ${task.runId}` }]
              : []),
          ]}
        />
      )}
      {of.data?.notFollowed?.length ? (
        <p className="faint">
          Not followed, because only a worker could say where they lead:{" "}
          {of.data.notFollowed.map((task) => instanceKey(task.taskId, task.mapIndex)).join(", ")}.
        </p>
      ) : null}
    </div>
  );
}
