import { more } from "../../api/pages";
import { useSearchLists } from "../../app/address";
import { paths } from "../../app/paths";
import { useSettings } from "../../app/settings";
import { Empty, Failure } from "../../parts/Query";
import { Table } from "../../parts/Table";
import { columns } from "./columns";
import { Filters } from "./Filters";
import { ImportErrorBanner } from "./ImportErrorBanner";
import { isNarrowed, requestOf } from "./search";
import { useDags } from "./useDags";
import "./dags.css";

export default function Dags() {
  const { namespace } = useSettings();
  const [params, set] = useSearchLists();
  const { pages, dags } = useDags(requestOf(params, namespace));
  const add = (name: string, value: string) => set(name, [...new Set([...params.getAll(name), value])]);
  return (
    <>
      <div className="head">
        <h1>DAGs</h1>
        <span className="faint" role="status">
          {pages.data && `${dags.length}${pages.hasNextPage ? " and more" : ""}`}
        </span>
      </div>
      <ImportErrorBanner />
      <Filters params={params} set={set} dags={dags} />
      {pages.error && <Failure error={pages.error} again={() => void pages.refetch()} />}
      {pages.isPending && <p className="loading">{pages.failureReason?.message ?? "Loading…"}</p>}
      {pages.data && !dags.length && <NoDags isNarrowed={isNarrowed(params)} />}
      {dags.length > 0 && (
        <Table
          label="DAGs"
          rows={dags}
          columns={columns(add)}
          keyOf={(dag) => dag.dagId}
          rowHeight={56}
          onEnd={() => more(pages)}
        />
      )}
    </>
  );
}

function NoDags({ isNarrowed }: { isNarrowed: boolean }) {
  if (isNarrowed) {
    return (
      <Empty>
        No DAG is like this. <a href={paths.dags()}>Show all</a>
      </Empty>
    );
  }
  return (
    <Empty>
      There are no DAGs yet. Submit one: <code>millstream submit my_dag.py</code>, or let{" "}
      <code>millstream up --dags FOLDER</code> keep a folder submitted.
    </Empty>
  );
}
