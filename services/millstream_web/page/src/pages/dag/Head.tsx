import { Link } from "wouter";
import { useRead } from "../../api/queries";
import type { Dag } from "../../api/types";
import { paths } from "../../app/paths";
import { useRefreshed } from "../../live/hooks";
import { PausedSwitch } from "../../parts/PausedSwitch";
import { scheduleInWords } from "../../parts/schedule";
import { State } from "../../parts/State";
import { Ago, Time } from "../../parts/Time";

/** The name of the DAG, whether it goes on, what comes next, and what can be done with it. */
export function Head({ dag }: { dag: Dag }) {
  const { dagId, displayName, nextRun, tags, schedule } = dag;
  return (
    <>
      <header className="head">
        <h1>{displayName || dagId}</h1>
        {displayName && displayName !== dagId && <code>{dagId}</code>}
        <PausedSwitch dag={dag} />
        <LastRun dag={dag} />
        <div className="actions">
          <Link href={paths.trigger(dagId)} className="button main">
            Trigger
          </Link>
          <Link href={paths.backfill(dagId)} className="button">
            Backfill
          </Link>
        </div>
      </header>
      <p className="dag-facts">
        <span title={schedule}>{scheduleInWords(schedule)}</span>
        {nextRun?.runAfter && (
          <span>
            next run <Ago at={nextRun.runAfter} /> (<Time at={nextRun.runAfter} />)
          </span>
        )}
        {dag.isPaused && <Paused dag={dag} />}
        {tags.map((tag) => (
          <Link key={tag} href={paths.dags({ tag })} className="tag">
            {tag}
          </Link>
        ))}
      </p>
    </>
  );
}

function LastRun({ dag: { namespace, dagId } }: { dag: Dag }) {
  const found = useRead("RunService/ListRuns", { namespace, dagId, pageSize: 1 }, { keep: true });
  useRefreshed(
    ["RunService/ListRuns"],
    (event) => event.dagId === dagId && event.type.startsWith("Run"),
  );
  const run = found.data?.runs[0];
  if (!run) return null;
  return (
    <span>
      <Link href={paths.run(dagId, run.runId)}>
        <span className="unseen">The latest run, {run.runId}: </span>
        <State of={run.state} />
      </Link>
    </span>
  );
}

/** Since when and by whom, as far as the reader may see the log. */
function Paused({ dag: { namespace, dagId, pauseReason } }: { dag: Dag }) {
  // It may have gone on and be paused again since it was looked at last.
  const found = useRead(
    "EventService/ListEvents",
    { namespace, dagId, types: ["DagPaused"], orderBy: "position desc", pageSize: 1 },
    { staleTime: 0 },
  );
  const event = pauseReason === "new" ? undefined : found.data?.events[0];
  return (
    <span className="paused">
      paused{pauseReason === "new" ? ": it is new and nobody let it go on yet" : ""}
      {pauseReason && pauseReason !== "new" && `: ${pauseReason}`}
      {event && (
        <>
          {" "}
          by {event.actor} <Ago at={event.recordedAt} />
        </>
      )}
    </span>
  );
}
