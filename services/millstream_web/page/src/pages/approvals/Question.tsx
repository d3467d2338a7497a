import { Link } from "wouter";
import type { InputRequest } from "../../api/types";
import { paths } from "../../app/paths";
import { Ago } from "../../parts/Time";
import { AnswerForm } from "./AnswerForm";
import { askedOf } from "./answer";

/** A question of a task, with the form for its answer or with the answer. */
export function Question({ request, me }: { request: InputRequest; me: string | undefined }) {
  const isWaiting = request.state === "INPUT_STATE_WAITING";
  return (
    <li className="sheet">
      <h2>{request.subject || request.taskId}</h2>
      <p className="faint">
        <Link href={paths.task(request)}>{request.taskId}</Link> of{" "}
        <Link href={paths.run(request.dagId, request.runId)}>
          {request.dagId}, {request.runId}
        </Link>{" "}
        asks {askedOf(request)}, <Ago at={request.askedAt} />
        {isWaiting && request.timeoutAt && (
          <>
            {"; "}
            {request.defaults.length ? `takes ${request.defaults.join(", ")}` : "fails"} <Ago at={request.timeoutAt} />
          </>
        )}
      </p>
      {request.body && <pre className="body">{request.body}</pre>}
      {isWaiting ? <AnswerForm request={request} me={me} /> : <Answer request={request} />}
    </li>
  );
}

function Answer({ request }: { request: InputRequest }) {
  const { answer } = request;
  if (!answer) return <p>It was not answered.</p>;
  const by = answer.user?.name || answer.user?.id;
  return (
    <dl className="facts">
      <dt>Answer</dt>
      <dd>{answer.options.join(", ")}</dd>
      {answer.params && Object.keys(answer.params).length > 0 && (
        <>
          <dt>With</dt>
          <dd>
            <code>{JSON.stringify(answer.params)}</code>
          </dd>
        </>
      )}
      <dt>By</dt>
      <dd>
        {by || "nobody: the time was over"}, <Ago at={request.endedAt} />
      </dd>
    </dl>
  );
}
