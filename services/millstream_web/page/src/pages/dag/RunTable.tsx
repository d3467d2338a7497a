import { useState } from "react";
import { Link } from "wouter";
import type { Run } from "../../api/types";
import { paths } from "../../app/paths";
import { Dialog } from "../../parts/Dialog";
import { State } from "../../parts/State";
import { type Column, Table } from "../../parts/Table";
import { Time, Took } from "../../parts/Time";
import { RunActions } from "../run/RunActions";

const COLUMNS: readonly Column<Run>[] = [
  {
    name: "Run",
    width: "22rem",
    cell: (run) => <Link href={paths.run(run.dagId, run.runId)}>{run.runId}</Link>,
  },
  { name: "State", width: "8rem", cell: (run) => <State of={run.state} /> },
  { name: "Type", isExtra: true, cell: (run) => run.runType },
  { name: "Logical date", isExtra: true, cell: (run) => <Time at={run.logicalDate} /> },
  { name: "Started", isExtra: true, cell: (run) => <Time at={run.startedAt} /> },
  { name: "Took", isNumber: true, cell: (run) => <Took from={run.startedAt} to={run.endedAt} /> },
  { name: "Version", isNumber: true, isExtra: true, cell: (run) => run.dagVersion },
  { name: "Note", isExtra: true, cell: (run) => <Short text={run.note} /> },
  { name: "Conf", isExtra: true, cell: (run) => <Short text={confText(run)} isCode /> },
];

/** Runs, and what can be done with each. */
export function RunTable({
  label,
  runs,
  onEnd,
}: {
  label: string;
  runs: readonly Run[];
  onEnd?: () => void;
}) {
  const [chosen, choose] = useState<Run>();
  const actions: Column<Run> = {
    name: "Actions",
    head: <span className="unseen">Actions</span>,
    width: "4rem",
    cell: (run) => (
      <button
        type="button"
        className="plain"
        aria-label={`What can be done with ${run.runId}`}
        onClick={() => choose(run)}
      >
        ⋯
      </button>
    ),
  };
  return (
    <div className="run-table">
      <Table
        label={label}
        rows={runs}
        columns={[...COLUMNS, actions]}
        keyOf={(run) => run.runId}
        {...(onEnd ? { onEnd } : {})}
      />
      {chosen && (
        <Dialog title={chosen.runId} onClose={() => choose(undefined)}>
          <RunActions run={runs.find((run) => run.runId === chosen.runId) ?? chosen} at={undefined} />
        </Dialog>
      )}
    </div>
  );
}

function Short({ text, isCode = false }: { text: string; isCode?: boolean }) {
  if (!text) return null;
  return (
    <span className={isCode ? "short mono" : "short"} title={text}>
      {text}
    </span>
  );
}

function confText({ conf }: Run): string {
  return conf && Object.keys(conf).length ? JSON.stringify(conf) : "";
}
