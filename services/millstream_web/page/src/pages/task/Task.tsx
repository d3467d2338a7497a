import { Link } from "wouter";
import { paths } from "../../app/paths";
import { Empty, Query } from "../../parts/Query";
import { useTaskAt } from "./at";
import { Instances } from "./Instances";
import "../run/heading.css";
import "./task.css";
import { TaskView } from "./TaskView";
import { useInstances } from "./useTask";

/** A task of a run: one instance, or the list of them where it is mapped. */
export default function Task({
  dagId,
  runId,
  taskId,
  tab,
}: {
  dagId: string;
  runId: string;
  taskId: string;
  tab: string | undefined;
}) {
  const at = useTaskAt({ dagId, runId, taskId });
  const found = useInstances(at);
  return (
    <>
      <nav aria-label="Where this is" className="trail">
        <Link href={paths.dag(dagId)}>{dagId}</Link>
        <span aria-hidden="true">/</span>
        <Link href={paths.run(dagId, runId)}>{runId}</Link>
        {at.mapIndex && (
          <>
            <span aria-hidden="true">/</span>
            <Link href={paths.task({ dagId, runId, taskId, mapIndex: [] })}>{taskId}</Link>
          </>
        )}
      </nav>
      {!found.data?.length && <h1>{taskId}</h1>}
      <Query of={found}>
        {(tasks) => {
          const [first] = tasks;
          if (!first) return <Empty>The run has no such task.</Empty>;
          const isMapped = !at.mapIndex && first.mapIndex.length > 0;
          if (isMapped) return <Instances at={at} tasks={tasks} tab={tab} />;
          return <TaskView key={JSON.stringify([at.runId, at.taskId, at.mapIndex])} at={at} task={first} tab={tab} />;
        }}
      </Query>
    </>
  );
}
