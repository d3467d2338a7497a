import { useState } from "react";
import { Link } from "wouter";
import { paths } from "../../app/paths";
import { useSettings } from "../../app/settings";
import { useRead } from "../../api/queries";
import type { DiffRunsResponse, Divergence, DurationChange, InputDifference, Run } from "../../api/types";
import { useRefreshed } from "../../live/hooks";
import { instanceKey } from "../../parts/gantt/bars";
import { Empty, Query } from "../../parts/Query";
import { State } from "../../parts/State";
import { type Column, Table } from "../../parts/Table";
import { Time, Took } from "../../parts/Time";
import { duration } from "../../parts/time";
import { ChooseOther } from "./ChooseOther";
import "./compare.css";
import "./heading.css";

const KINDS: Record<string, string> = {
  DIVERGENCE_KIND_OUTCOME: "another outcome",
  DIVERGENCE_KIND_RESULT: "another result",
  DIVERGENCE_KIND_MISSING: "not in the other run",
  DIVERGENCE_KIND_EXTRA: "only in the other run",
};

/** Two runs of a DAG side by side: where they part first, and all that is different. */
export default function Compare({ dagId, runId, other }: { dagId: string; runId: string; other: string }) {
  const { namespace } = useSettings();
  const request = { namespace, dagId, runId, otherDagId: dagId, otherRunId: other };
  const found = useRead("HistoryService/DiffRuns", request);
  useRefreshed(["HistoryService/DiffRuns", request], (event) => event.runId === runId || event.runId === other, 3000);
  return (
    <>
      <nav aria-label="Where this is" className="trail">
        <Link href={paths.dag(dagId)}>{dagId}</Link>
        <span aria-hidden="true">/</span>
        <Link href={paths.run(dagId, runId)}>{runId}</Link>
      </nav>
      <h1>Compare</h1>
      <Query of={found}>{(answer) => <Differences key={other} answer={answer} dagId={dagId} />}</Query>
    </>
  );
}

function Differences({ answer, dagId }: { answer: DiffRunsResponse; dagId: string }) {
  const [isChoosing, setChoosing] = useState(false);
  const { one, other, inputs, tasks, divergences, firstOutcome, durations } = answer;
  if (!one || !other) return <Empty>There is nothing to compare.</Empty>;
  const first = divergences.find((each) => each.isFirst) ?? divergences[0];
  const of = { dagId, one: one.runId, other: other.runId };
  return (
    <div className="compare">
      <div className="sides">
        <Side run={one} />
        <Side run={other} />
      </div>
      <p>
        <button type="button" onClick={() => setChoosing(true)}>
          Compare with another run…
        </button>
      </p>
      {isChoosing && <ChooseOther run={one} onClose={() => setChoosing(false)} />}
      {first ? (
        <section className="sheet first">
          <h2>They part first at {instanceKey(first.taskId, first.mapIndex)}</h2>
          <Pair divergence={first} of={of} />
          {firstOutcome && firstOutcome.taskId !== first.taskId && (
            <>
              <h3>The first other outcome: {instanceKey(firstOutcome.taskId, firstOutcome.mapIndex)}</h3>
              <Pair divergence={firstOutcome} of={of} />
            </>
          )}
        </section>
      ) : (
        <p className="sheet">Their tasks did the same.</p>
      )}
      <Inputs title="What they were made with" rows={inputs} />
      <Inputs title="Tasks that their versions define differently" rows={tasks} />
      {divergences.length > 0 && (
        <section>
          <h2>Instances that differ ({Number(answer.divergenceCount).toLocaleString("en")})</h2>
          <Table
            label="Instances that differ"
            rows={divergences}
            columns={columns(of)}
            keyOf={(each) => instanceKey(each.taskId, each.mapIndex) + each.kind}
          />
        </section>
      )}
      {durations.length > 0 && (
        <section>
          <h2>Took twice as long, or half as long</h2>
          <Table label="Durations" rows={durations} columns={DURATIONS} keyOf={(each) => instanceKey(each.taskId, each.mapIndex)} />
        </section>
      )}
    </div>
  );
}

interface Of {
  dagId: string;
  one: string;
  other: string;
}

function Side({ run }: { run: Run }) {
  return (
    <section className="sheet">
      <h2>
        <Link href={paths.run(run.dagId, run.runId)}>{run.runId}</Link> <State of={run.state} />
      </h2>
      <dl className="facts">
        <dt>Started</dt>
        <dd>
          <Time at={run.startedAt} />
        </dd>
        <dt>Took</dt>
        <dd>{run.startedAt && <Took from={run.startedAt} to={run.endedAt} />}</dd>
        <dt>Version</dt>
        <dd>{run.dagVersion}</dd>
      </dl>
    </section>
  );
}

/** What an instance did in the one run and in the other. */
function Pair({ divergence, of }: { divergence: Divergence; of: Of }) {
  return (
    <div className="sides">
      <Did text={divergence.one} position={Number(divergence.onePosition)} dagId={of.dagId} runId={of.one} />
      <Did text={divergence.other} position={Number(divergence.otherPosition)} dagId={of.dagId} runId={of.other} />
    </div>
  );
}

function Did({ text, position, dagId, runId }: { text: string; position: number; dagId: string; runId: string }) {
  return (
    <div>
      <pre>{text || "nothing"}</pre>
      {position > 0 && <Link href={paths.run(dagId, runId, "events", position)}>event {position}</Link>}
    </div>
  );
}

function Inputs({ title, rows }: { title: string; rows: readonly InputDifference[] }) {
  if (!rows.length) return null;
  return (
    <section>
      <h2>{title}</h2>
      <div className="table">
        <table>
          <thead>
            <tr>
              <th scope="col">What</th>
              <th scope="col">First run</th>
              <th scope="col">Other run</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.name}>
                <th scope="row">{row.name}</th>
                <td>
                  <code>{row.one}</code>
                </td>
                <td>
                  <code>{row.other}</code>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function columns({ dagId, one, other }: Of): Column<Divergence>[] {
  const link = (runId: string, each: Divergence, text: string) =>
    text ? <Link href={paths.task({ dagId, runId, taskId: each.taskId, mapIndex: each.mapIndex })}>{text}</Link> : "nothing";
  return [
    { name: "Instance", cell: (each) => instanceKey(each.taskId, each.mapIndex) },
    { name: "How", cell: (each) => KINDS[each.kind] ?? each.kind, isExtra: true },
    { name: "First run", cell: (each) => link(one, each, each.one) },
    { name: "Other run", cell: (each) => link(other, each, each.other) },
  ];
}

const DURATIONS: Column<DurationChange>[] = [
  { name: "Instance", cell: (each) => instanceKey(each.taskId, each.mapIndex) },
  { name: "First run", cell: (each) => duration(each.oneSeconds * 1000), isNumber: true },
  { name: "Other run", cell: (each) => duration(each.otherSeconds * 1000), isNumber: true },
];
