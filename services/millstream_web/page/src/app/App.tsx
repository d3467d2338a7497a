import { QueryClientProvider } from "@tanstack/react-query";
import { Suspense } from "react";
import { Redirect, Route, Switch, useLocation } from "wouter";
import { client } from "../api/queries";
import { Empty } from "../parts/Query";
import { named } from "./address";
import { Gate } from "./Gate";
import { late } from "./late";
import { Shell } from "./Shell";
import { Guard } from "./Guard";

// Each page comes when it is looked at, so that the first one comes quickly.
const Home = late(() => import("../pages/home/Home"));
const Dags = late(() => import("../pages/dags/Dags"));
const Dag = late(() => import("../pages/dag/Dag"));
const Run = late(() => import("../pages/run/Run"));
const Compare = late(() => import("../pages/run/Compare"));
const Task = late(() => import("../pages/task/Task"));
const Trigger = late(() => import("../pages/trigger/Trigger"));
const Backfill = late(() => import("../pages/backfill/Backfill"));
const Assets = late(() => import("../pages/assets/Assets"));
const Approvals = late(() => import("../pages/approvals/Approvals"));
const Pools = late(() => import("../pages/pools/Pools"));
const Variables = late(() => import("../pages/variables/Variables"));
const Connections = late(() => import("../pages/connections/Connections"));
const Workers = late(() => import("../pages/workers/Workers"));
const Audit = late(() => import("../pages/audit/Audit"));
const Access = late(() => import("../pages/access/Access"));
const ImportErrors = late(() => import("../pages/importerrors/ImportErrors"));

/** Everything, and which page belongs to which address. See `paths.ts` for the other way round. */
export function App() {
  const [location] = useLocation();
  return (
    <QueryClientProvider client={client}>
      <Gate>
        <Shell>
          <Guard location={location}>
            <Suspense fallback={<p className="loading">Loading…</p>}>
              <Switch>
                <Route path="/" component={Home} />
                <Route path="/dags" component={Dags} />
                <Route path="/dags/:dagId/trigger">
                  {({ dagId }) => <Trigger dagId={named(dagId)} />}
                </Route>
                <Route path="/dags/:dagId/backfill">
                  {({ dagId }) => <Backfill dagId={named(dagId)} />}
                </Route>
                <Route path="/dags/:dagId/runs/:runId/compare/:other">
                  {({ dagId, runId, other }) => (
                    <Compare dagId={named(dagId)} runId={named(runId)} other={named(other)} />
                  )}
                </Route>
                <Route path="/dags/:dagId/runs/:runId/tasks/:taskId/:tab?">
                  {({ dagId, runId, taskId, tab }) => (
                    <Task dagId={named(dagId)} runId={named(runId)} taskId={named(taskId)} tab={tab} />
                  )}
                </Route>
                <Route path="/dags/:dagId/runs/:runId/:tab?">
                  {({ dagId, runId, tab }) => <Run dagId={named(dagId)} runId={named(runId)} tab={tab} />}
                </Route>
                <Route path="/dags/:dagId/:tab?">
                  {({ dagId, tab }) => <Dag dagId={named(dagId)} tab={tab} />}
                </Route>
                <Route path="/assets" component={Assets} />
                <Route path="/approvals" component={Approvals} />
                <Route path="/pools" component={Pools} />
                <Route path="/variables" component={Variables} />
                <Route path="/connections" component={Connections} />
                <Route path="/workers" component={Workers} />
                <Route path="/audit" component={Audit} />
                <Route path="/access" component={Access} />
                <Route path="/import-errors" component={ImportErrors} />
                <Route path="/home">
                  <Redirect to="/" />
                </Route>
                <Route>
                  <Empty>There is no such page.</Empty>
                </Route>
              </Switch>
            </Suspense>
          </Guard>
        </Shell>
      </Gate>
    </QueryClientProvider>
  );
}
