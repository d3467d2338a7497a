import type { ReactNode } from "react";
import { useRead } from "../../api/queries";
import type { Dag, DagSpec } from "../../api/types";
import { duration } from "../../parts/time";
import { Query } from "../../parts/Query";
import { scheduleInWords } from "../../parts/schedule";
import { Time } from "../../parts/Time";
import { assetsOf, callbacksOf, deadlineInWords, type Names } from "./facts";
import { Params } from "./Params";
import type { TabProps } from "./tab";

/** What there is to know of the DAG that is no picture. */
export default function DetailsTab({ dag }: TabProps) {
  const { namespace, dagId } = dag;
  const version = useRead("DagService/GetDagVersion", { namespace, dagId });
  return (
    <Query of={version}>
      {({ dagVersion }) => {
        const spec = dagVersion?.spec ?? dag.spec;
        return spec ? <Facts dag={dag} spec={spec} by={dagVersion?.submittedBy ?? ""} /> : null;
      }}
    </Query>
  );
}

function Facts({ dag, spec, by }: { dag: Dag; spec: DagSpec; by: string }) {
  const assets = assetsOf(spec);
  const isNone = (names: Names): boolean => !names.length;
  return (
    <div className="columns">
      <section className="sheet">
        <h2>DAG</h2>
        <dl className="facts">
          <Fact name="Id">{dag.dagId}</Fact>
          <Fact name="Description">{spec.description}</Fact>
          <Fact name="Tags">{spec.tags.join(", ")}</Fact>
          <Fact name="Owners">{dag.owners.join(", ")}</Fact>
          <Fact name="File">{spec.file && <code>{spec.file}</code>}</Fact>
          <Fact name="Bundle">{dag.bundle && <code>{dag.bundle}</code>}</Fact>
          <Fact name="Version">
            {dag.latestVersion}, submitted <Time at={dag.submittedAt} />
            {by && ` by ${by}`}
          </Fact>
          <Fact name="Tasks">
            {spec.tasks.length}
            {spec.groups.length > 0 && ` in ${spec.groups.length} groups`}
          </Fact>
        </dl>
        {spec.doc && (
          <>
            <h3>Documentation</h3>
            <pre className="doc">{spec.doc}</pre>
          </>
        )}
      </section>
      <section className="sheet">
        <h2>When it runs</h2>
        <dl className="facts">
          <Fact name="Schedule">
            {scheduleInWords(dag.schedule)}
            {dag.schedule && dag.schedule !== "none" && <code className="faint"> {dag.schedule}</code>}
          </Fact>
          <Fact name="Next run">
            {dag.nextRun && <Time at={dag.nextRun.logicalDate ?? dag.nextRun.runAfter} />}
          </Fact>
          <Fact name="Starts">{spec.startDate}</Fact>
          <Fact name="Ends">{spec.endDate}</Fact>
          <Fact name="Time zone">{spec.timezone || "UTC"}</Fact>
          <Fact name="Catchup">{spec.catchup ? "yes" : "no"}</Fact>
          <Fact name="Deadlines">
            {spec.deadlines.length > 0 && <Lines of={spec.deadlines.map(deadlineInWords)} />}
          </Fact>
        </dl>
        <h2>Limits</h2>
        <dl className="facts">
          <Fact name="Active runs">{spec.maxActiveRuns ?? 16}</Fact>
          <Fact name="Active tasks in a run">{spec.maxActiveTasks ?? 16}</Fact>
          <Fact name="A run may take">
            {spec.dagrunTimeoutS !== undefined && duration(spec.dagrunTimeoutS * 1000)}
          </Fact>
          <Fact name="Paused after">
            {spec.maxConsecutiveFailedDagRuns > 0 &&
              `${spec.maxConsecutiveFailedDagRuns} failed runs in a row`}
          </Fact>
          <Fact name="Fail fast">{spec.failFast && "yes"}</Fact>
          <Fact name="Fairness key">{spec.fairnessKey}</Fact>
          <Fact name="Callbacks">
            <Lines of={callbacksOf(spec)} />
          </Fact>
        </dl>
      </section>
      <section className="sheet">
        <h2>Params</h2>
        <Params spec={spec} />
      </section>
      <section className="sheet">
        <h2>Assets</h2>
        {isNone(assets.reads) && isNone(assets.writes) && <p className="faint">None.</p>}
        <dl className="facts">
          <Fact name="Reads">{assets.reads.length > 0 && <Lines of={assets.reads} />}</Fact>
          <Fact name="Writes">{assets.writes.length > 0 && <Lines of={assets.writes} />}</Fact>
        </dl>
      </section>
    </div>
  );
}

/** Nothing at all where nothing is said. */
function Fact({ name, children }: { name: string; children: ReactNode }) {
  if (children === undefined || children === "" || children === false) return null;
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}

function Lines({ of }: { of: Names }) {
  if (!of.length) return "none";
  return of.map((line) => <div key={line}>{line}</div>);
}
