import { lazy, Suspense, useState } from "react";
import { useSearchParams } from "wouter";
import { pagesKey, usePages } from "../../api/pages";
import type { Asset } from "../../api/types";
import { useSettings } from "../../app/settings";
import { useRefreshed } from "../../live/hooks";
import { ListPage } from "../../parts/ListPage";
import type { Column } from "../../parts/Table";
import { Tabs } from "../../parts/Tabs";
import { Ago } from "../../parts/Time";
import { useTypedParam } from "../../parts/useTypedParam";
import { AssetDialog } from "./AssetDialog";
import { Emit } from "./Emit";
import "./assets.css";

const AssetMap = lazy(() => import("./AssetMap"));
const METHOD = "AssetService/ListAssets";
const TABS = [
  { id: "list", name: "List", to: "/assets" },
  { id: "graph", name: "Graph", to: "/assets?view=graph" },
] as const;

export default function Assets() {
  const { namespace } = useSettings();
  const [params, setParams] = useSearchParams();
  const [emitted, emit] = useState<Asset>();
  const view = params.get("view") === "graph" ? "graph" : "list";
  const asset = params.get("asset");
  const look = (name: string | undefined) =>
    setParams((before) => {
      const after = new URLSearchParams(before);
      if (name === undefined) after.delete("asset");
      else after.set("asset", name);
      return after;
    });
  return (
    <>
      {view === "graph" ? (
        <Suspense fallback={<p className="loading">Loading…</p>}>
          <h1>Assets</h1>
          <Tabs label="Assets" tabs={TABS} now="graph" />
          <AssetMap namespace={namespace} selected={asset ?? undefined} onAsset={look} />
        </Suspense>
      ) : (
        <List namespace={namespace} look={look} emit={emit} />
      )}
      {asset !== null && view === "list" && (
        <AssetDialog namespace={namespace} name={asset} onClose={() => look(undefined)} />
      )}
      {emitted && <Emit asset={emitted} onClose={() => emit(undefined)} />}
    </>
  );
}

function List({
  namespace,
  look,
  emit,
}: {
  namespace: string;
  look: (name: string) => void;
  emit: (asset: Asset) => void;
}) {
  const { asked, ...search } = useTypedParam("search");
  const request = { namespace, search: asked };
  const pages = usePages(METHOD, request);
  useRefreshed(
    pagesKey(METHOD, request),
    (event) =>
      event.namespace === namespace && (event.type === "AssetUpdated" || event.type === "DagVersionSubmitted"),
    1000,
  );
  const columns: Column<Asset>[] = [
    {
      name: "Asset",
      cell: (asset) => (
        <>
          <button type="button" className="plain asset" onClick={() => look(asset.name)}>
            {asset.name}
          </button>
          {asset.uri !== asset.name && <div className="faint uri">{asset.uri}</div>}
        </>
      ),
    },
    { name: "Group", isExtra: true, cell: (asset) => asset.group },
    {
      name: "Updated",
      cell: (asset) => (asset.updatedAt ? <Ago at={asset.updatedAt} /> : <span className="faint">never</span>),
    },
    {
      name: "Actions",
      cell: (asset) => (
        <div className="row-actions">
          <button type="button" aria-label={`Update ${asset.name}`} onClick={() => emit(asset)}>
            Update
          </button>
        </div>
      ),
    },
  ];
  return (
    <ListPage
      title="Assets"
      tabs={<Tabs label="Assets" tabs={TABS} now="list" />}
      search={search}
      intro="What DAGs read and write. An update may start the DAGs that wait for it."
      pages={pages}
      rowsOf={(answer) => answer.assets}
      columns={columns}
      keyOf={(asset) => `${asset.name} ${asset.uri}`}
      rowHeight={56}
      nothing="No DAG names an asset."
    />
  );
}
