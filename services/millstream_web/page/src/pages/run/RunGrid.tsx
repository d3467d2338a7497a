import type { UseQueryResult } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { Link } from "wouter";
import { paths } from "../../app/paths";
import type { DagSpec, Run } from "../../api/types";
import { type Bar, barsAt } from "../../parts/gantt/bars";
import { treeOf } from "../../parts/groups";
import { Query } from "../../parts/Query";
import { State } from "../../parts/State";
import { lookOf, TASK_STATES } from "../../parts/states";
import { type Column, Table } from "../../parts/Table";
import { duration, instant } from "../../parts/time";
import { useNow } from "../../parts/now";
import { byTask, type TreeRow, treeRows } from "./tree";
import type { RunHistory } from "./useRunHistory";

/** The tasks of the run, in their groups, with the instances of mapped ones. */
export function RunGrid({
  run,
  spec,
  history,
}: {
  run: Run;
  spec: UseQueryResult<DagSpec | null, Error>;
  history: RunHistory;
}) {
  return <Query of={spec}>{(answer) => answer && <Tree run={run} spec={answer} history={history} />}</Query>;
}

function Tree({ run, spec, history }: { run: Run; spec: DagSpec; history: RunHistory }) {
  const [turned, setTurned] = useState<ReadonlySet<string>>(new Set());
  const { snapshot, bars, events, index } = history;
  const cells = useMemo(() => byTask(snapshot.cells.values()), [snapshot]);
  const tree = useMemo(() => treeOf(spec), [spec]);
  const rows = useMemo(() => treeRows(tree, cells, turned), [tree, cells, turned]);
  const isOver = run.state === "RUN_STATE_SUCCESS" || run.state === "RUN_STATE_FAILED";
  const now = useNow(!isOver);
  const event = events[index];
  const isPast = index < events.length - 1 && event !== undefined;
  const at = isPast ? Date.parse(event.recordedAt ?? "") : now;
  const latest = (row: TreeRow): Bar | undefined => {
    if (row.counts) return undefined;
    const own = bars.of.get(row.key)?.bars ?? [];
    const shown = isPast ? barsAt(own, event.position, at) : own;
    return shown.findLast((bar) => bar.state === "TASK_STATE_RUNNING");
  };
  const turn = (key: string) => {
    const next = new Set(turned);
    if (!next.delete(key)) next.add(key);
    setTurned(next);
  };
  const columns: Column<TreeRow>[] = [
    { name: "Task", cell: (row) => <Name row={row} run={run} turn={turn} /> },
    { name: "State", cell: (row) => (row.counts ? <Counts of={row.counts} /> : <State of={row.state} />) },
    { name: "Attempt", cell: (row) => row.attempt || "", isNumber: true, isExtra: true, width: "6rem" },
    {
      name: "Started",
      cell: (row) => {
        const bar = latest(row);
        return bar && <span className="number">{instant(bar.from)}</span>;
      },
      isExtra: true,
      width: "12rem",
    },
    {
      name: "Took",
      cell: (row) => {
        const bar = latest(row);
        return bar && duration((bar.to ?? at) - bar.from);
      },
      isNumber: true,
      width: "7rem",
    },
  ];
  return <Table label="Tasks" rows={rows} columns={columns} keyOf={(row) => `${row.kind} ${row.key}`} />;
}

function Name({ row, run, turn }: { row: TreeRow; run: Run; turn: (key: string) => void }) {
  const { dagId, runId } = run;
  const to = paths.task({ dagId, runId, taskId: row.taskId, mapIndex: [...row.mapIndex] });
  return (
    <span className="tree-name" style={{ paddingLeft: `${row.depth * 1.25}rem` }}>
      {row.isOpen === undefined ? (
        <span className="turn" />
      ) : (
        <button type="button" className="plain turn" aria-expanded={row.isOpen} aria-label={`${row.name}: its parts`} onClick={() => turn(row.key)}>
          {row.isOpen ? "▾" : "▸"}
        </button>
      )}
      {row.kind === "group" ? <strong>{row.name}</strong> : <Link href={to}>{row.name}</Link>}
    </span>
  );
}

function Counts({ of }: { of: NonNullable<TreeRow["counts"]> }) {
  return (
    <span className="counts">
      {TASK_STATES.concat("TASK_STATE_REMOVED").map((state) => {
        const count = of.get(state);
        const look = lookOf(state);
        return count ? (
          <span key={state} className={`state-${look.name}`} title={look.word}>
            <span aria-hidden="true">{look.sign}</span> {count.toLocaleString("en")}
            <span className="unseen"> {look.word}</span>
          </span>
        ) : null;
      })}
    </span>
  );
}
