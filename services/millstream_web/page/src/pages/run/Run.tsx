import { useMemo } from "react";
import { Link, useLocation } from "wouter";
import { useKeys } from "../../app/keys";
import { paths, type RunTab } from "../../app/paths";
import { useSettings } from "../../app/settings";
import { useRead } from "../../api/queries";
import type { Run as RunMessage, RunState } from "../../api/types";
import { useRefreshed } from "../../live/hooks";
import { Empty, Failure, Query } from "../../parts/Query";
import { Tabs } from "../../parts/Tabs";
import { Beside } from "./Beside";
import { useLater } from "./later";
import { LaterBar } from "./LaterBar";
import { RunDetails } from "./RunDetails";
import { RunEvents } from "./RunEvents";
import { RunGantt } from "./RunGantt";
import { RunGraph } from "./RunGraph";
import { RunGrid } from "./RunGrid";
import { RunHead } from "./RunHead";
import { RunXComs } from "./RunXComs";
import "./heading.css";
import "./run.css";
import { TimeBar } from "./TimeBar";
import { useMoment } from "./useMoment";
import { type RunHistory, useRunHistory } from "./useRunHistory";
import { useSpec } from "../task/useSpec";

const TABS: readonly { id: RunTab; name: string }[] = [
  { id: "graph", name: "Graph" },
  { id: "grid", name: "Grid" },
  { id: "gantt", name: "Gantt" },
  { id: "events", name: "Events" },
  { id: "xcoms", name: "XComs" },
  { id: "details", name: "Details" },
];

/** A run, as it is or as it stood at one of its events. */
export default function Run({ dagId, runId, tab }: { dagId: string; runId: string; tab: string | undefined }) {
  const { namespace } = useSettings();
  const request = { namespace, dagId, runId };
  const found = useRead("RunService/GetRun", request);
  useRefreshed(["RunService/GetRun", request], (event) => event.runId === runId && event.dagId === dagId && !event.taskId);
  return (
    <>
      <nav aria-label="Where this is" className="trail">
        <Link href={paths.dag(dagId)}>{dagId}</Link>
      </nav>
      {!found.data?.run && <h1>{runId}</h1>}
      <Query of={found}>
        {({ run }) => (run ? <RunView key={`${dagId} ${runId}`} run={run} tab={tab} /> : <Empty>There is no such run.</Empty>)}
      </Query>
    </>
  );
}

/** Now or then: from the events, which come before an answer does; from the answer until they are there. */
function stateOf(run: RunMessage, { store, snapshot }: RunHistory, position: number | undefined): RunState {
  return position === undefined && store.state !== "whole" ? run.state : snapshot.run;
}

function RunView({ run, tab }: { run: RunMessage; tab: string | undefined }) {
  const { namespace } = useSettings();
  const { dagId, runId } = run;
  const [, go] = useLocation();
  const [position, choose] = useMoment();
  const of = useMemo(() => ({ namespace, dagId, runId }), [namespace, dagId, runId]);
  const folded = useRunHistory(of, position);
  const end = folded.events.at(-1)?.position ?? 0;
  const isLater = folded.store.state === "cut" && (position === undefined || position > end);
  const later = useLater(run, position, isLater);
  const history = isLater && later ? { ...folded, snapshot: later } : folded;
  const spec = useSpec(dagId, run.dagVersion || undefined);
  useKeys([
    {
      keys: "Escape",
      what: "Back to now, or to the DAG",
      act: () => (position === undefined ? go(paths.dag(dagId)) : choose(undefined)),
    },
  ]);
  const now = (tab ?? "graph") as RunTab;
  const { events, index, store } = history;
  const chooseEvent = (at: number | undefined) => choose(at === undefined ? undefined : events[at]?.position);
  const hasMoment = now !== "xcoms" && now !== "details";
  const isBeside = position !== undefined && hasMoment && now !== "events";
  return (
    <>
      <RunHead run={run} state={stateOf(run, history, position)} position={position} />
      {store.error && <Failure error={store.error} again={history.again} />}
      {hasMoment && (
        <TimeBar events={events} times={history.times} index={index} isLive={position === undefined} choose={chooseEvent} />
      )}
      {hasMoment && store.state === "cut" && (
        <LaterBar run={run} from={end} loaded={events.length} position={position} choose={choose} />
      )}
      <Tabs
        label="Parts of the run"
        now={now}
        tabs={TABS.map((each) => ({ ...each, to: paths.run(dagId, runId, each.id, position) }))}
      />
      <div className={isBeside ? "with-events" : undefined}>
        <div className="part">
          {now === "graph" && <RunGraph run={run} spec={spec} history={history} />}
          {now === "grid" && <RunGrid run={run} spec={spec} history={history} />}
          {now === "gantt" && <RunGantt run={run} spec={spec.data ?? null} history={history} isLive={position === undefined} />}
          {now === "events" && <RunEvents history={history} isLive={position === undefined} choose={chooseEvent} />}
          {now === "xcoms" && <RunXComs run={run} />}
          {now === "details" && <RunDetails run={run} />}
          {!TABS.some((each) => each.id === now) && <Empty>A run has no such part.</Empty>}
        </div>
        {isBeside && <Beside history={history} choose={chooseEvent} />}
      </div>
    </>
  );
}
