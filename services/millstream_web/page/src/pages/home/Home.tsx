import { Link } from "wouter";
import { useRead } from "../../api/queries";
import type { GetOverviewResponse } from "../../api/types";
import { useCounts } from "../../app/counts";
import { paths } from "../../app/paths";
import { useSettings } from "../../app/settings";
import { runStateAfter, taskStateAfter } from "../../live/fold";
import { useRefreshed } from "../../live/hooks";
import { Query } from "../../parts/Query";
import { Health } from "./Health";
import { Failed, Late, Missed, RunningRuns } from "./Lists";
import { Queues } from "./Queues";
import { countOf } from "./counts";
import { Ticker } from "./Ticker";
import "./home.css";

const OVERVIEW = "SystemService/GetOverview";

/** What runs, what failed, what is late, and how Millstream is. */
export default function Home() {
  const { namespace } = useSettings();
  const request = { namespace };
  const overview = useRead(OVERVIEW, request, { staleTime: 0 });
  useRefreshed(
    [OVERVIEW, request],
    (event) =>
      event.namespace === namespace &&
      (runStateAfter(event) !== undefined ||
        taskStateAfter(event) !== undefined ||
        /^(Dag|Deadline|NextRun)/.test(event.type)),
    1000,
  );
  return (
    <>
      <h1>Home</h1>
      <Query of={overview}>{(now) => <Tiles now={now} />}</Query>
      <div className="columns home">
        <RunningRuns namespace={namespace} />
        {overview.data && <Judged now={overview.data} />}
        <Ticker />
        <Health />
      </div>
    </>
  );
}

function Judged({ now }: { now: GetOverviewResponse }) {
  return (
    <>
      <Failed runs={now.failedRuns} count={now.failed} />
      {(now.late > 0 || now.missed > 0) && (
        <section className="sheet">
          <Late runs={now.lateRuns} count={now.late} />
          <Missed deadlines={now.missedDeadlines} count={now.missed} />
        </section>
      )}
      <Queues queues={now.queues} />
    </>
  );
}

function Tiles({ now }: { now: GetOverviewResponse }) {
  const waiting = useCounts()["/approvals"];
  const running = countOf(now.openRuns, "RUN_STATE_RUNNING");
  const tiles = [
    { name: "runs run", count: running, state: "running", to: `${paths.dags()}?state=running` },
    { name: "runs are queued", count: countOf(now.openRuns, "RUN_STATE_QUEUED"), state: "queued", to: `${paths.dags()}?state=queued` },
    { name: "tasks run", count: countOf(now.openTasks, "TASK_STATE_RUNNING"), state: "running", to: paths.workers() },
    { name: "runs failed", count: now.failed, state: "failed", to: "#failed" },
    { name: "runs succeeded", count: countOf(now.recentRuns, "RUN_STATE_SUCCESS"), state: "success", to: `${paths.dags()}?state=success` },
    { name: "are late", count: now.late, state: "upstream", to: "#late" },
    { name: "wait for an answer", count: waiting ?? 0, state: "input", to: paths.approvals() },
    { name: `DAGs, ${now.pausedDags} paused`, count: now.dags, state: "none", to: paths.dags() },
  ];
  return (
    <ul className="tiles" aria-label="Numbers; what is over counts for the last 24 hours">
      {tiles.map(({ name, count, state, to }) => (
        <li key={name}>
          <Link href={to} className={count ? `state-${state}` : "faint"}>
            <strong>{count}</strong> {name}
          </Link>
        </li>
      ))}
    </ul>
  );
}
