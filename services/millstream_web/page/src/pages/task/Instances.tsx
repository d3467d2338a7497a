import { useMemo, useState } from "react";
import { Link, useLocation } from "wouter";
import { paths, type TaskTab } from "../../app/paths";
import type { TaskInstance, TaskState } from "../../api/types";
import { State } from "../../parts/State";
import { lookOf, TASK_STATES } from "../../parts/states";
import { type Column, Table } from "../../parts/Table";
import { Time, Took } from "../../parts/Time";
import type { TaskAt } from "./at";
import { TaskActions } from "./TaskActions";
import { MOST_INSTANCES } from "./useTask";
import { useTaskKeys } from "./useTaskKeys";
import { WhyTab } from "./WhyTab";

/** The instances of a mapped task. */
export function Instances({ at, tasks, tab }: { at: TaskAt; tasks: readonly TaskInstance[]; tab: string | undefined }) {
  const [state, setState] = useState<TaskState | "">("");
  const [, go] = useLocation();
  useTaskKeys(at, undefined);
  const counts = useMemo(() => count(tasks), [tasks]);
  const shown = useMemo(() => (state ? tasks.filter((task) => task.state === state) : tasks), [tasks, state]);
  const [first] = tasks;
  if (!first) return null;
  const all = { ...first, mapIndex: [] };
  return (
    <>
      <div className="head">
        <h1>{at.taskId}</h1>
        <span className="faint">
          {tasks.length.toLocaleString("en")}
          {tasks.length >= MOST_INSTANCES ? "+" : ""} mapped instances
        </span>
        <TaskActions at={at} task={all} />
      </div>
      <div className="filter" role="group" aria-label="States">
        <button type="button" aria-pressed={state === ""} onClick={() => setState("")}>
          all
        </button>
        {TASK_STATES.concat("TASK_STATE_REMOVED").map((each) =>
          counts.has(each) ? (
            <button
              key={each}
              type="button"
              className={`state-${lookOf(each).name}`}
              aria-pressed={state === each}
              onClick={() => setState(each)}
            >
              {lookOf(each).sign} {lookOf(each).word} {counts.get(each)?.toLocaleString("en")}
            </button>
          ) : null,
        )}
        <button type="button" className="why-all" aria-pressed={tab === "why"} onClick={() => go(paths.task(all, tab === "why" ? undefined : "why"))}>
          Why?
        </button>
      </div>
      {tab === "why" && <WhyTab task={all} />}
      <Table label="Instances" rows={shown} columns={columns(tab)} keyOf={(task) => task.mapIndex.join(",")} />
    </>
  );
}

function columns(tab: string | undefined): Column<TaskInstance>[] {
  return [
    {
      name: "Index",
      cell: (task) => <Link href={paths.task(task, tab === "why" ? undefined : (tab as TaskTab | undefined))}>{task.mapIndex.join(", ")}</Link>,
      width: "6rem",
    },
    { name: "Name", cell: (task) => task.mapName, isExtra: true },
    { name: "State", cell: (task) => <State of={task.state} />, width: "11rem" },
    { name: "Attempt", cell: (task) => task.attempt || "", isNumber: true, isExtra: true },
    { name: "Started", cell: (task) => <Time at={task.startedAt} />, isExtra: true },
    { name: "Took", cell: (task) => task.startedAt && <Took from={task.startedAt} to={task.endedAt} />, isNumber: true },
    { name: "Reason", cell: (task) => <span className="faint">{task.reason}</span> },
  ];
}

function count(tasks: readonly TaskInstance[]): Map<TaskState, number> {
  const counts = new Map<TaskState, number>();
  for (const { state } of tasks) counts.set(state, (counts.get(state) ?? 0) + 1);
  return counts;
}
