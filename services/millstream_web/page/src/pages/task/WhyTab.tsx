import { Link } from "wouter";
import { paths } from "../../app/paths";
import { useSettings } from "../../app/settings";
import { useRead } from "../../api/queries";
import type { Blocker, BlockerEvent, BlockerSubject, TaskInstance } from "../../api/types";
import type { LiveEvent } from "../../live/fold";
import { useRefreshed } from "../../live/hooks";
import { instanceKey } from "../../parts/gantt/bars";
import { Query } from "../../parts/Query";
import { Time } from "../../parts/Time";

/** Why the task has not run, or what became of it: the first condition is the answer. */
export function WhyTab({ task }: { task: TaskInstance }) {
  const { namespace } = useSettings();
  const { dagId, runId, taskId, mapIndex } = task;
  const request = { namespace, dagId, runId, taskId, mapIndex };
  const found = useRead("ExplainService/ExplainTask", request, { staleTime: 0 });
  const named = new Set(found.data?.blockers.flatMap((each) => each.subjects.map((subject) => subject.runId)));
  const concerns = (event: LiveEvent) =>
    event.dagId === dagId || event.type.startsWith("Pool") || named.has(event.runId);
  useRefreshed(["ExplainService/ExplainTask", request], concerns, 1000);
  return (
    <Query of={found}>
      {(answer) => (
        <section className="why">
          <p className="sentence">{answer.sentence}</p>
          {answer.blockers.map((blocker, at) => (
            <Condition key={blocker.code + at} blocker={blocker} isFirst={at === 0} dagId={dagId} />
          ))}
          <p className="faint">
            As of position{" "}
            <Link href={paths.run(dagId, runId, "events", Number(answer.position))}>{answer.position}</Link> of the
            log.
          </p>
        </section>
      )}
    </Query>
  );
}

function Condition({ blocker, isFirst, dagId }: { blocker: Blocker; isFirst: boolean; dagId: string }) {
  const place = placeOf(blocker.code);
  return (
    <article className="sheet">
      {!isFirst && <p>{blocker.message}</p>}
      {blocker.advice && <p className="advice">{blocker.advice}</p>}
      <p className="faint marks">
        <code>{blocker.code}</code>
        {blocker.since && (
          <span>
            since <Time at={blocker.since} />
          </span>
        )}
        {blocker.until && (
          <span>
            until <Time at={blocker.until} />
          </span>
        )}
        {blocker.by && <span>by {blocker.by}</span>}
        {place && <Link href={place.to}>{place.name}</Link>}
      </p>
      {blocker.subjects.length > 0 && (
        <ul>
          {blocker.subjects.map((subject) => (
            <li key={JSON.stringify(subject)}>
              <Subject of={subject} dagId={dagId} />
            </li>
          ))}
        </ul>
      )}
      {blocker.events.length > 0 && (
        <ul className="proofs">
          {blocker.events.map((event) => (
            <li key={event.position}>
              <Proof of={event} dagId={dagId} subjects={blocker.subjects} />
            </li>
          ))}
        </ul>
      )}
    </article>
  );
}

function Subject({ of, dagId }: { of: BlockerSubject; dagId: string }) {
  const dag = of.dagId || dagId;
  const name = of.taskId ? instanceKey(of.taskId, of.mapIndex) : of.runId || dag;
  const to = of.taskId
    ? paths.task({ ...of, dagId: dag })
    : of.runId
      ? paths.run(dag, of.runId)
      : paths.dag(dag);
  return (
    <>
      <Link href={to}>{name}</Link>
      {of.taskId && <span className="faint"> of run {of.runId}</span>}{" "}
      <span className="faint">{of.state.replaceAll("_", " ")}</span>
    </>
  );
}

function Proof({ of, dagId, subjects }: { of: BlockerEvent; dagId: string; subjects: readonly BlockerSubject[] }) {
  const position = Number(of.position);
  const dag = subjects.find((each) => each.runId === of.runId)?.dagId || dagId;
  const name = `event ${of.position}: ${of.type}`;
  return (
    <>
      {of.runId ? <Link href={paths.run(dag, of.runId, "events", position)}>{name}</Link> : name}
      {of.taskId && ` ${instanceKey(of.taskId, of.mapIndex)}`}
      <span className="faint">
        {" "}
        by {of.actor} <Time at={of.recordedAt} />
      </span>
    </>
  );
}

/** Where what the code names can be seen and changed. */
function placeOf(code: string): { name: string; to: string } | null {
  if (code.startsWith("POOL") || code === "PRIORITY") return { name: "Pools", to: paths.pools() };
  if (code.includes("WORKER") || code === "RESOURCES_BUSY") return { name: "Workers", to: paths.workers() };
  if (code === "AWAITING_INPUT") return { name: "Approvals", to: paths.approvals() };
  return null;
}
