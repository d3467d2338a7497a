import { useState } from "react";
import { Link } from "wouter";
import { paths } from "../../app/paths";
import { useChange, useRead } from "../../api/queries";
import type { InputRequest, TaskInstance } from "../../api/types";
import { Failure } from "../../parts/Query";
import { Ago } from "../../parts/Time";
import type { TaskAt } from "./at";

/** What the task asks, and the answers there are. A form to fill in is on the page of approvals. */
export function Answer({ at, task }: { at: TaskAt; task: TaskInstance }) {
  const { dagId, runId, taskId, mapIndex } = task;
  const of = { namespace: at.namespace, dagId, runId, taskId, mapIndex };
  const found = useRead("HumanInputService/GetInputRequest", of, { staleTime: 0 });
  const answer = useChange("HumanInputService/AnswerInputRequest", ["HumanInputService/ListInputRequests"]);
  const asked = found.data?.request;
  if (!asked) return null;
  return (
    <section className="sheet answer" aria-label="A question">
      <h2>{asked.subject}</h2>
      {asked.body && <p className="body">{asked.body}</p>}
      {asked.timeoutAt && (
        <p className="faint">
          Answer <Ago at={asked.timeoutAt} />
          {asked.defaults.length > 0 && `, or it is taken as: ${asked.defaults.join(", ")}`}
        </p>
      )}
      {Object.keys(asked.params ?? {}).length > 0 ? (
        <Link className="button main" href={paths.approvals()}>
          Answer with the form
        </Link>
      ) : (
        <Options asked={asked} isPending={answer.isPending} send={(options) => answer.mutate({ ...of, options })} />
      )}
      {answer.error && <Failure error={answer.error} />}
    </section>
  );
}

function Options({
  asked,
  isPending,
  send,
}: {
  asked: InputRequest;
  isPending: boolean;
  send: (options: string[]) => void;
}) {
  const [chosen, setChosen] = useState<readonly string[]>(asked.defaults);
  if (!asked.multiple) {
    return (
      <div className="options">
        {asked.options.map((option) => (
          <button key={option} type="button" disabled={isPending} onClick={() => send([option])}>
            {option}
          </button>
        ))}
      </div>
    );
  }
  const turn = (option: string) =>
    setChosen(chosen.includes(option) ? chosen.filter((each) => each !== option) : [...chosen, option]);
  return (
    <div className="options">
      {asked.options.map((option) => (
        <label key={option} className="check">
          <input type="checkbox" checked={chosen.includes(option)} onChange={() => turn(option)} />
          {option}
        </label>
      ))}
      <button type="button" className="main" disabled={isPending} onClick={() => send([...chosen])}>
        Answer
      </button>
    </div>
  );
}
