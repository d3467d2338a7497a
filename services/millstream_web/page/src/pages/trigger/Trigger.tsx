import { type FormEvent, useMemo, useState } from "react";
import { Link, useLocation } from "wouter";
import { useRead } from "../../api/queries";
import { paths } from "../../app/paths";
import { useSettings } from "../../app/settings";
import type { Dag } from "../../api/types";
import { type Conf, EMPTY, problemsOf } from "../../parts/form/conf";
import { ConfForm } from "../../parts/form/ConfForm";
import { Problems } from "../../parts/form/Problems";
import { fieldsOf } from "../../parts/form/schema";
import { refusalOf } from "../../parts/form/violations";
import { Query } from "../../parts/Query";
import { useAct } from "../../parts/useAct";
import { FIELDS, missing, NEW_RUN, type RunForm, triggerRequest } from "./request";
import { RunFields } from "./RunFields";

export default function Trigger({ dagId }: { dagId: string }) {
  const { namespace } = useSettings();
  const read = useRead("DagService/GetDag", { namespace, dagId });
  return (
    <>
      <div className="head">
        <h1>
          Trigger <Link href={paths.dag(dagId)}>{dagId}</Link>
        </h1>
      </div>
      <Query of={read}>{({ dag }) => dag && <TriggerForm dag={dag} />}</Query>
    </>
  );
}

function TriggerForm({ dag }: { dag: Dag }) {
  const [, go] = useLocation();
  const fields = useMemo(() => fieldsOf(dag.spec?.params, dag.spec?.paramSchemas), [dag]);
  const [conf, setConf] = useState<Conf>(EMPTY);
  const [form, setForm] = useState<RunForm>(NEW_RUN);
  const [wasTried, setTried] = useState(false);
  const change = useAct("RunService/TriggerRun", {
    words: (_, { runId }) => `Triggered ${runId}`,
    to: (_, answer) => paths.run(answer.dagId, answer.runId),
    isQuiet: true,
  });
  const problems = problemsOf(conf, fields);
  const empty = missing(form);
  const isWrong = Boolean(Object.keys(problems).length || Object.keys(empty).length || conf.raw?.problem);
  const refusal = refusalOf(change.error, FIELDS);
  const send = (event: FormEvent) => {
    event.preventDefault();
    setTried(true);
    if (isWrong) return;
    change.mutate(triggerRequest(dag, form, conf.values), {
      onSuccess: ({ dagId, runId }) => go(paths.run(dagId, runId)),
    });
  };
  return (
    <form className="columns" onSubmit={send} noValidate>
      <section className="sheet">
        <h2>Params</h2>
        <ConfForm
          fields={fields}
          conf={conf}
          onChange={setConf}
          refused={{ ...(wasTried ? problems : {}), ...refusal.params }}
        />
      </section>
      <section className="sheet form">
        <h2>Run</h2>
        <RunFields
          form={form}
          onChange={(part) => setForm({ ...form, ...part })}
          problems={{ ...(wasTried ? empty : {}), ...refusal.fields }}
          isPaused={dag.isPaused}
        />
        <Problems of={wasTried && isWrong ? ["Something above is not right yet."] : refusal.rest} />
        <div className="actions">
          <button type="submit" className="main" disabled={change.isPending}>
            {change.isPending ? "Triggering…" : "Trigger"}
          </button>
          <Link href={paths.dag(dag.dagId)} className="button">
            Cancel
          </Link>
        </div>
      </section>
    </form>
  );
}
