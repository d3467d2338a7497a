import { useId, useMemo, useState } from "react";
import type { InputRequest } from "../../api/types";
import { type Conf, EMPTY, problemsOf } from "../../parts/form/conf";
import { ConfForm } from "../../parts/form/ConfForm";
import { Labelled } from "../../parts/form/Labelled";
import { Problems } from "../../parts/form/Problems";
import { fieldsOfInput } from "../../parts/form/schema";
import { refusalOf } from "../../parts/form/violations";
import { useAct } from "../../parts/useAct";
import { mayAnswer, turned } from "./answer";

/** Answer: with one option it is one click, with several or with a form it is sent. */
export function AnswerForm({ request, me }: { request: InputRequest; me: string | undefined }) {
  const fields = useMemo(() => fieldsOfInput(request.params), [request.params]);
  const [conf, setConf] = useState<Conf>(EMPTY);
  const [user, setUser] = useState<string>();
  const [chosen, choose] = useState<string[]>([]);
  const [wasTried, setTried] = useState(false);
  const act = useAct("HumanInputService/AnswerInputRequest", {
    refreshed: ["HumanInputService/ListInputRequests"],
    words: (asked) => `Answered ${asked.taskId}: ${(asked.options ?? []).join(", ") || "sent"}`,
    isQuiet: true,
  });
  const answerer = user ?? me ?? "";
  const problems = problemsOf(conf, fields);
  const isWrong = Object.keys(problems).length > 0 || Boolean(conf.raw?.problem);
  const refusal = refusalOf(act.error, ["options", "user"]);
  const send = (options: string[]) => {
    setTried(true);
    if (isWrong) return;
    const { namespace, dagId, runId, taskId, mapIndex } = request;
    act.mutate({ namespace, dagId, runId, taskId, mapIndex, options, params: { ...conf.values }, user: answerer });
  };
  return (
    <div className="form">
      {fields.length > 0 && (
        <ConfForm
          fields={fields}
          conf={conf}
          onChange={setConf}
          refused={{ ...(wasTried ? problems : {}), ...refusal.params }}
        />
      )}
      {me === "local" && (
        <Labelled label="Answered by" problem={refusal.fields.user}>
          {(wired) => <input {...wired} value={answerer} onChange={(event) => setUser(event.target.value)} />}
        </Labelled>
      )}
      <Options request={request} chosen={chosen} choose={choose} send={send} isPending={act.isPending} />
      <Problems of={[...refusal.rest, ...Object.values(refusal.fields)]} />
      {me && !mayAnswer(request, answerer) && <p className="hint">Only those who are asked may answer.</p>}
    </div>
  );
}

interface OptionsProps {
  request: InputRequest;
  chosen: string[];
  choose: (options: string[]) => void;
  send: (options: string[]) => void;
  isPending: boolean;
}

function Options(props: OptionsProps) {
  const { request, send, isPending } = props;
  if (request.multiple) return <Several {...props} />;
  return (
    <div className="actions" role="group" aria-label={`Answer ${request.subject || request.taskId}`}>
      {(request.options.length ? request.options : ["OK"]).map((option, index) => (
        <button
          key={option}
          type="button"
          className={index === 0 ? "main" : undefined}
          disabled={isPending}
          onClick={() => send(request.options.length ? [option] : [])}
        >
          {option}
        </button>
      ))}
    </div>
  );
}

function Several({ request, chosen, choose, send, isPending }: OptionsProps) {
  const id = useId();
  return (
    <>
      <div className="several" role="group" aria-labelledby={id}>
        <span id={id}>Choose any:</span>
        {request.options.map((option) => (
          <label key={option} className="check">
            <input
              type="checkbox"
              checked={chosen.includes(option)}
              onChange={() => choose(turned(chosen, option, request))}
            />
            {option}
          </label>
        ))}
      </div>
      <div className="actions">
        <button type="button" className="main" disabled={isPending || !chosen.length} onClick={() => send(chosen)}>
          Answer
        </button>
      </div>
    </>
  );
}
