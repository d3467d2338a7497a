import { Link } from "wouter";
import { paths } from "../../app/paths";
import type { Dag } from "../../api/types";
import { PausedSwitch } from "../../parts/PausedSwitch";
import { scheduleInWords } from "../../parts/schedule";
import { State } from "../../parts/State";
import type { Column } from "../../parts/Table";
import { Ago } from "../../parts/Time";
import { RunBars } from "./RunBars";

/** What a row says of a DAG. `add` narrows the list by a tag or an owner. */
export function columns(add: (name: string, value: string) => void): Column<Dag>[] {
  return [
    {
      name: "on",
      head: <span className="unseen">Goes on</span>,
      width: "3.2rem",
      cell: (dag) => <PausedSwitch dag={dag} />,
    },
    { name: "DAG", cell: (dag) => <Name dag={dag} add={add} /> },
    { name: "Owner", isExtra: true, width: "8rem", cell: (dag) => <Owners dag={dag} add={add} /> },
    {
      name: "Schedule",
      isExtra: true,
      width: "11rem",
      cell: (dag) => (
        <div className="two-lines" title={dag.schedule}>
          {scheduleInWords(dag.schedule)}
        </div>
      ),
    },
    { name: "Next run", isExtra: true, width: "8rem", cell: (dag) => <span className="next-run"><Next dag={dag} /></span> },
    { name: "Last run", isExtra: true, width: "11rem", cell: (dag) => <Last dag={dag} /> },
    { name: "Last runs", width: "10rem", cell: (dag) => <RunBars dagId={dag.dagId} runs={dag.recentRuns} /> },
    {
      name: "trigger",
      head: <span className="unseen">Trigger</span>,
      width: "5.5rem",
      cell: (dag) => (
        <Link href={paths.trigger(dag.dagId)} className="button" aria-label={`Trigger ${dag.dagId}`}>
          <span aria-hidden="true">▶</span>
          <span className="extra">Trigger</span>
        </Link>
      ),
    },
  ];
}

function Name({ dag, add }: { dag: Dag; add: (name: string, value: string) => void }) {
  const name = dag.displayName || dag.dagId;
  return (
    <div className="dag-name">
      <Link href={paths.dag(dag.dagId)} title={[dag.dagId, dag.description].filter(Boolean).join("\n")}>
        {name}
      </Link>
      <div className="tags">
        {dag.tags.map((tag) => (
          <button type="button" key={tag} className="chip" title={`Only with the tag ${tag}`} onClick={() => add("tag", tag)}>
            {tag}
          </button>
        ))}
        <span className="faint">{name === dag.dagId ? dag.description : dag.dagId}</span>
      </div>
    </div>
  );
}

function Owners({ dag, add }: { dag: Dag; add: (name: string, value: string) => void }) {
  return (
    <div className="owners">
      {dag.owners.map((owner) => (
        <button
          type="button"
          key={owner}
          className="chip"
          title={`Only with the owner ${owner}`}
          onClick={() => add("owner", owner)}
        >
          {owner}
        </button>
      ))}
    </div>
  );
}

function Next({ dag }: { dag: Dag }) {
  if (dag.isPaused) {
    return <span className="faint">{dag.pauseReason && dag.pauseReason !== "new" ? "paused by Millstream" : "paused"}</span>;
  }
  return <Ago at={dag.nextRun?.runAfter ?? dag.nextRun?.logicalDate} />;
}

function Last({ dag }: { dag: Dag }) {
  const run = dag.recentRuns[0];
  if (!run) return null;
  return (
    <Link href={paths.run(dag.dagId, run.runId)} className="last-run" title={run.runId}>
      <State of={run.state} /> <Ago at={run.endedAt ?? run.startedAt ?? run.createdAt} />
    </Link>
  );
}
