/** j and k between the tasks of the run, Escape back to it. */
import { useEffect, useRef } from "react";
import { useLocation } from "wouter";
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
  useKeys({ j: () => step(1), k: () => step(-1), Escape: () => go(paths.run(dagId, runId)) });
}

/** Keys that do something unless one is writing, or a dialog is open. */
export function useKeys(keys: Record<string, () => void>): void {
  const latest = useRef(keys);
  latest.current = keys;
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      const target = event.target instanceof Element ? event.target : null;
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
      if (target?.closest("input, textarea, select, dialog")) return;
      const act = latest.current[event.key];
      if (!act) return;
      event.preventDefault();
      act();
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, []);
}
