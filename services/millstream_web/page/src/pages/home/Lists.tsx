import type { ReactNode } from "react";
import { Link } from "wouter";
import { useRead } from "../../api/queries";
import type { LateRun, MissedDeadline, OverviewRun } from "../../api/types";
import { paths } from "../../app/paths";
import { runStateAfter } from "../../live/fold";
import { useRefreshed } from "../../live/hooks";
import { Query } from "../../parts/Query";
import { State } from "../../parts/State";
import { Ago, Took } from "../../parts/Time";

const SHOWN = 12;

/** The runs that go on, the newest first. */
export function RunningRuns({ namespace }: { namespace: string }) {
  const request = { namespace, states: ["RUN_STATE_RUNNING" as const], pageSize: SHOWN };
  const read = useRead("RunService/ListRuns", request, { staleTime: 0 });
  useRefreshed(
    ["RunService/ListRuns", request],
    (event) => event.namespace === namespace && runStateAfter(event) !== undefined,
    500,
  );
  return (
    <section className="sheet">
      <h2>Running now</h2>
      <Query of={read}>
        {({ runs, nextPageToken }) => (
          <Rows nothing="No run is running.">
            {runs.map((run) => (
              <li key={`${run.dagId} ${run.runId}`}>
                <State of={run.state} small />
                <RunLink dagId={run.dagId} runId={run.runId} />
                <Took from={run.startedAt} to={undefined} />
              </li>
            ))}
            {nextPageToken && (
              <li key="more">
                <Link href={`${paths.dags()}?state=running`}>and more</Link>
              </li>
            )}
          </Rows>
        )}
      </Query>
    </section>
  );
}

/** The runs that failed, those that failed last first. */
export function Failed({ runs, count }: { runs: OverviewRun[]; count: number }) {
  return (
    <section className="sheet" id="failed">
      <h2>
        Failed <span className="faint">{count || "none"} in the last 24 hours</span>
      </h2>
      <Rows nothing="No run failed.">
        {runs.slice(0, SHOWN).map((run) => (
          <li key={`${run.dagId} ${run.runId}`} title={run.reason}>
            <State of={run.state} small />
            <RunLink dagId={run.dagId} runId={run.runId} />
            <Ago at={run.endedAt} />
          </li>
        ))}
      </Rows>
    </section>
  );
}

/** The runs that should have begun, those that are due for longest first. */
export function Late({ runs, count }: { runs: LateRun[]; count: number }) {
  if (!count) return null;
  return (
    <>
      <h2 id="late">
        Late <span className="faint">{count}</span>
      </h2>
      <Rows nothing="">
        {runs.slice(0, SHOWN).map((run) => (
          <li key={`${run.dagId} ${run.runId} ${run.dueAt}`}>
            <span className="state-upstream" aria-hidden="true">
              ◷
            </span>
            {run.runId ? (
              <RunLink dagId={run.dagId} runId={run.runId} />
            ) : (
              <span className="words">
                <Link href={paths.dag(run.dagId)}>{run.dagId}</Link>{" "}
                <span className="faint">its run is not made yet</span>
              </span>
            )}
            <span>
              due <Ago at={run.dueAt} />
            </span>
          </li>
        ))}
      </Rows>
    </>
  );
}

/** The deadlines that were missed, the last ones first. */
export function Missed({ deadlines, count }: { deadlines: MissedDeadline[]; count: number }) {
  if (!count) return null;
  return (
    <>
      <h2>
        Missed deadlines <span className="faint">{count}</span>
      </h2>
      <Rows nothing="">
        {deadlines.slice(0, SHOWN).map((deadline) => (
          <li key={`${deadline.dagId} ${deadline.runId} ${deadline.name}`}>
            <State of={deadline.state} small />
            <RunLink dagId={deadline.dagId} runId={deadline.runId} />
            <span className="faint">
              {deadline.name} <Ago at={deadline.missedAt} />
            </span>
          </li>
        ))}
      </Rows>
    </>
  );
}

function Rows({ children, nothing }: { children: ReactNode[] | ReactNode; nothing: string }) {
  const isEmpty = Array.isArray(children) && !children.flat().filter(Boolean).length;
  if (isEmpty) return <p className="faint">{nothing}</p>;
  return <ul className="rows">{children}</ul>;
}

function RunLink({ dagId, runId }: { dagId: string; runId: string }) {
  return (
    <span className="words">
      <Link href={paths.dag(dagId)}>{dagId}</Link> <Link href={paths.run(dagId, runId)}>{runId}</Link>
    </span>
  );
}
