import { useMemo, useState } from "react";
import { Link } from "wouter";
import type { Request } from "../../api/call";
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
import { Backfills } from "./Backfills";
import { Preview } from "./Preview";
import { RangeFields } from "./RangeFields";
import { type BackfillForm, backfillRequest, FIELDS, NEW_BACKFILL, problems } from "./request";
import "./backfill.css";

export default function Backfill({ dagId }: { dagId: string }) {
  const { namespace } = useSettings();
  const read = useRead("DagService/GetDag", { namespace, dagId });
  return (
    <>
      <div className="head">
        <h1>
          Backfill <Link href={paths.dag(dagId)}>{dagId}</Link>
        </h1>
      </div>
      <Query of={read}>{({ dag }) => dag && <NewBackfill dag={dag} />}</Query>
      <Backfills namespace={namespace} dagId={dagId} />
    </>
  );
}

type Asked = Request<"BackfillService/DryRunBackfill"> & Request<"BackfillService/CreateBackfill">;

function NewBackfill({ dag }: { dag: Dag }) {
  const fields = useMemo(() => fieldsOf(dag.spec?.params, dag.spec?.paramSchemas), [dag]);
  const [form, setForm] = useState<BackfillForm>(NEW_BACKFILL);
  const [conf, setConf] = useState<Conf>(EMPTY);
  const [wasTried, setTried] = useState(false);
  const [asked, ask] = useState<Asked>();
  const preview = useRead("BackfillService/DryRunBackfill", asked ?? {}, { enabled: Boolean(asked), staleTime: 0 });
  const create = useAct("BackfillService/CreateBackfill", {
    refreshed: ["BackfillService/ListBackfills"],
    words: (_, { backfillId }) => `Backfill ${backfillId} of ${dag.dagId} is made`,
    isQuiet: true,
  });
  const wrong = problems(form);
  const wrongConf = problemsOf(conf, fields);
  const isWrong = Boolean(Object.keys({ ...wrong, ...wrongConf }).length || conf.raw?.problem);
  const refusal = refusalOf(create.error ?? preview.error, FIELDS);
  const change = (part: Partial<BackfillForm>) => {
    setForm({ ...form, ...part });
    ask(undefined);
    create.reset();
  };
  const look = () => {
    setTried(true);
    create.reset();
    ask(isWrong ? undefined : backfillRequest(dag, form, conf.values));
  };
  return (
    <form
      className="columns"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        look();
      }}
    >
      <section className="sheet form">
        <h2>New backfill</h2>
        <RangeFields form={form} onChange={change} problems={{ ...(wasTried ? wrong : {}), ...refusal.fields }} />
        <details open={Boolean(Object.keys(refusal.params).length)}>
          <summary>Params</summary>
          <ConfForm
            fields={fields}
            conf={conf}
            refused={refusal.params}
            onChange={(next) => {
              setConf(next);
              ask(undefined);
            }}
          />
        </details>
        <Problems of={refusal.rest} />
        <div className="actions">
          <button type="submit">{preview.isFetching ? "Looking…" : "Preview"}</button>
        </div>
      </section>
      <Preview
        dagId={dag.dagId}
        dates={asked ? preview.data?.dates : undefined}
        isCreating={create.isPending}
        onCreate={() => asked && create.mutate(asked, { onSuccess: () => ask(undefined) })}
      />
    </form>
  );
}
