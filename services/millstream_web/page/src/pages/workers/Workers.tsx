import { Link } from "wouter";
import { more, pagesKey, usePages } from "../../api/pages";
import type { RunningTask, Worker } from "../../api/types";
import { paths } from "../../app/paths";
import type { LiveEvent } from "../../live/fold";
import { useRefreshed } from "../../live/hooks";
import { Meter } from "../../parts/Meter";
import { Empty, Query } from "../../parts/Query";
import { Ago, Took } from "../../parts/Time";
import "./workers.css";

const METHOD = "WorkerService/ListWorkers";
const REQUEST = { withRunning: true };
const ABOUT = /^(Task(Started|Succeeded|Failed|Lost|Stopped|Skipped|Deferred|Rescheduled|AwaitsInput)|Trigger)/;

/** The workers that are alive, and what runs on them. */
export default function Workers() {
  const pages = usePages(METHOD, REQUEST, { staleTime: 0 });
  const isAbout = (event: LiveEvent) => ABOUT.test(event.type);
  useRefreshed(pagesKey(METHOD, REQUEST), isAbout, 1000);
  return (
    <>
      <div className="head">
        <h1>Workers</h1>
        <div className="actions">
          <button type="button" disabled={pages.isFetching} onClick={() => void pages.refetch()}>
            Look again
          </button>
        </div>
      </div>
      <Query of={pages}>
        {(data) => {
          const workers = data.pages.flatMap((page) => page.workers);
          if (!workers.length) {
            return <Empty>No worker is alive: tasks wait in their queues. A worker that is silent for fifteen seconds is not shown.</Empty>;
          }
          return (
            <ul className="workers">
              {workers.map((worker) => (
                <One key={worker.workerId} worker={worker} />
              ))}
            </ul>
          );
        }}
      </Query>
      {pages.hasNextPage && (
        <button type="button" onClick={() => more(pages)}>
          Show more
        </button>
      )}
    </>
  );
}

function One({ worker }: { worker: Worker }) {
  const { workerId, queues, slots, busy, lastHeartbeat, resources, isDraining, running } = worker;
  const offers = Object.entries(resources);
  return (
    <li className="sheet">
      <div className="head">
        <h2>{workerId}</h2>
        {isDraining && (
          <span className="badge state-retry" title="It was told to stop: it takes nothing new, and its tasks may end.">
            <span aria-hidden="true">⏏</span> draining
          </span>
        )}
      </div>
      <dl className="facts">
        <dt>Slots</dt>
        <dd>
          {busy} of {slots} taken
          <Meter label="Slots" total={slots} parts={[{ name: "taken", state: "running", value: busy }]} />
        </dd>
        <dt>Queues</dt>
        <dd>{queues.join(", ")}</dd>
        {offers.length > 0 && (
          <>
            <dt>Offers</dt>
            <dd>{offers.map(([name, value]) => `${name} ${value}${name === "memory" ? " MB" : ""}`).join(", ")}</dd>
          </>
        )}
        <dt>Heard of</dt>
        <dd>
          <Ago at={lastHeartbeat} />
        </dd>
      </dl>
      <Running tasks={running} />
    </li>
  );
}

function Running({ tasks }: { tasks: RunningTask[] }) {
  if (!tasks.length) return <p className="faint">Nothing runs here.</p>;
  return (
    <ul className="running" aria-label="What runs here">
      {tasks.map((task) => (
        <li key={`${task.namespace} ${task.dagId} ${task.runId} ${task.taskId} ${task.mapIndex.join(".")} ${task.attempt}`}>
          <Link href={paths.task(task)}>
            {task.taskId}
            {task.mapIndex.length > 0 && ` [${task.mapIndex.join(", ")}]`}
          </Link>{" "}
          of <Link href={paths.run(task.dagId, task.runId)}>{task.dagId}</Link>{" "}
          <span className="faint">
            <Took from={task.startedAt} to={undefined} />
            {task.attempt > 1 && `, attempt ${task.attempt}`}
          </span>
        </li>
      ))}
    </ul>
  );
}
