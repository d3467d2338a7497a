import { Link } from "wouter";
import { paths } from "../../app/paths";
import type { Run, RunState } from "../../api/types";
import { Fact } from "../../parts/Fact";
import { State } from "../../parts/State";
import { Time, Took } from "../../parts/Time";
import { RunActions } from "./RunActions";

/** What the run is, how it stands, or stood at the moment that is looked at. */
export function RunHead({ run, state, position }: { run: Run; state: RunState; position: number | undefined }) {
  const { dagId } = run;
  return (
    <>
      <div className="head">
        <h1>{run.runId}</h1>
        <State of={state} />
        {position !== undefined && <span className="faint">as of event {position.toLocaleString("en")}</span>}
        <RunActions run={run} at={position} />
      </div>
      <dl className="brief">
        <Fact name="Type">{run.runType.replaceAll("_", " ")}</Fact>
        <Fact name="Triggered by">{run.triggeredBy}</Fact>
        <Fact name="Logical date">{run.logicalDate && <Time at={run.logicalDate} />}</Fact>
        <Fact name="Started">{run.startedAt && <Time at={run.startedAt} />}</Fact>
        <Fact name={run.endedAt ? "Took" : "Takes"}>{run.startedAt && <Took from={run.startedAt} to={run.endedAt} />}</Fact>
        <Fact name="Starts after">{!run.startedAt && run.runAfter && <Time at={run.runAfter} />}</Fact>
        <Fact name="Version">{run.dagVersion > 0 && <Link href={`${paths.dag(dagId, "code")}?version=${run.dagVersion}`}>{run.dagVersion}</Link>}</Fact>
        <Fact name="Rerun of">
          {run.rerunOf && (
            <>
              <Link href={paths.run(dagId, run.rerunOf, undefined, Number(run.rerunPosition) || undefined)}>{run.rerunOf}</Link>{" "}
              <Link href={paths.compare(dagId, run.rerunOf, run.runId)}>compare</Link>
            </>
          )}
        </Fact>
        <Fact name="Note">{run.note}</Fact>
      </dl>
      {run.reason && position === undefined && <p className="reason is-bad">{run.reason}</p>}
    </>
  );
}
