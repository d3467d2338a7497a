/** j and k between the tasks of the run, Escape back to it. */
import { useLocation } from "wouter";
import { useKeys } from "../../app/keys";
import { paths, type TaskTab } from "../../app/paths";
import { useRead } from "../../api/queries";
import type { TaskAt } from "./at";
import { useSpec } from "./useSpec";

export function useTaskKeys(at: TaskAt, tab: TaskTab | undefined): void {
  const { namespace, dagId, runId, taskId } = at;
  const [, go] = useLocation();
  const run = useRead("RunService/GetRun", { namespace, dagId, runId });
  const spec = useSpec(dagId, run.data?.run?.dagVersion);
  const ids = spec.data?.tasks.map((task) => task.taskId) ?? [];
  const step = (by: number) => {
    const next = ids[ids.indexOf(taskId) + by];
    if (next && ids.includes(taskId)) go(paths.task({ dagId, runId, taskId: next, mapIndex: [] }, tab));
  };
  useKeys([
    { keys: "j", what: "The next task of the run", act: () => step(1) },
    { keys: "k", what: "The task before", act: () => step(-1) },
    { keys: "Escape", what: "Back to the run", act: () => go(paths.run(dagId, runId)) },
  ]);
}
