import { Link } from "wouter";
import { paths } from "../../app/paths";
import { useRead } from "../../api/queries";
import type { Run } from "../../api/types";
import { JsonTree } from "../../parts/json/JsonTree";
import { Empty, Query } from "../../parts/Query";
import { State } from "../../parts/State";
import { Time } from "../../parts/Time";

/** Everything that is known of the run itself, and the runs that it was made from and that were made from it. */
export function RunDetails({ run }: { run: Run }) {
  const { namespace, dagId, runId } = run;
  const lineage = useRead("HistoryService/GetLineage", { namespace, dagId, runId });
  const times: [string, string | undefined][] = [
    ["Logical date", run.logicalDate],
    ["Data interval start", run.dataIntervalStart],
    ["Data interval end", run.dataIntervalEnd],
    ["Runs after", run.runAfter],
    ["Created", run.createdAt],
    ["Started", run.startedAt],
    ["Ended", run.endedAt],
  ];
  return (
    <div className="columns">
      <section className="sheet">
        <h2>Run</h2>
        <dl className="facts">
          {times.map(([name, at]) =>
            at ? (
              <Pair key={name} name={name}>
                <Time at={at} />
              </Pair>
            ) : null,
          )}
          <Pair name="First event">
            <Link href={paths.run(dagId, runId, "events", Number(run.createdPosition))}>{run.createdPosition}</Link>
          </Pair>
          {run.backfillId && <Pair name="Backfill">{run.backfillId}</Pair>}
          <Pair name="Namespace">{run.namespace}</Pair>
        </dl>
      </section>
      <section className="sheet">
        <h2>Conf</h2>
        {Object.keys(run.conf ?? {}).length ? <JsonTree value={run.conf} level={2} label="Conf" /> : <Empty>No conf.</Empty>}
      </section>
      <section className="sheet">
        <h2>Lineage</h2>
        <Query of={lineage}>
          {({ ancestors, reruns }) => (
            <>
              <Runs title="Made from" runs={ancestors} than={run} />
              <Runs title="Reruns of it" runs={reruns} than={run} />
              {!ancestors.length && !reruns.length && <Empty>It was not made from a run, and none was made from it.</Empty>}
            </>
          )}
        </Query>
      </section>
    </div>
  );
}

function Pair({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}

function Runs({ title, runs, than }: { title: string; runs: readonly Run[]; than: Run }) {
  if (!runs.length) return null;
  return (
    <>
      <h3>{title}</h3>
      <ul>
        {runs.map((each) => (
          <li key={each.runId}>
            <Link href={paths.run(each.dagId, each.runId)}>{each.runId}</Link> <State of={each.state} small />{" "}
            <Link href={paths.compare(than.dagId, than.runId, each.runId)}>compare</Link>
          </li>
        ))}
      </ul>
    </>
  );
}
