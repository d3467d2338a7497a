import { useEffect, useMemo } from "react";
import { useLocation } from "wouter";
import { type PagedMethod, type Pages, usePages } from "../../api/pages";
import { paths } from "../../app/paths";
import { useFolded } from "../../live/folded";
import { useRefreshed } from "../../live/hooks";
import Graph from "../../parts/graph/Graph";
import { Empty, Failure } from "../../parts/Query";
import { foldPages } from "../dags/fold";
import { assetGraph, assetNode, nodeOf } from "./graph";

const PAGE = 1000;
/** So many of the last updates say which DAG makes which asset. */
const UPDATES = { pageSize: PAGE };

/** Assets and the DAGs around them; DAGs have the colour of their last run. */
export default function AssetMap({
  namespace,
  selected,
  onAsset,
}: {
  namespace: string;
  selected: string | undefined;
  onAsset: (name: string | undefined) => void;
}) {
  const [, go] = useLocation();
  const assets = usePages("AssetService/ListAssets", { namespace, pageSize: PAGE });
  const updates = usePages("AssetService/ListAssetEvents", { namespace, ...UPDATES }, { staleTime: 0 });
  const asked = { namespace, pageSize: PAGE, recentRuns: 1 };
  const dags = usePages("DagService/ListDags", asked);
  useAll(assets);
  useAll(dags);
  useFolded<NonNullable<typeof dags.data>>(["DagService/ListDags", "pages", asked], dags, (data, events) =>
    foldPages(data, events, namespace),
  );
  useRefreshed(["DagService/ListDags", "pages", asked], ({ type }) => type === "DagVersionSubmitted", 2000);
  const graph = useMemo(
    () =>
      assetGraph(
        assets.data?.pages.flatMap((page) => page.assets) ?? [],
        updates.data?.pages.flatMap((page) => page.events) ?? [],
        dags.data?.pages.flatMap((page) => page.dags) ?? [],
      ),
    [assets.data, updates.data, dags.data],
  );
  // Another state alone is no other graph: only what is drawn anew is laid out anew.
  const shape = JSON.stringify(graph.spec.tasks);
  const spec = useMemo(() => graph.spec, [shape]);
  const error = assets.error ?? updates.error ?? dags.error;
  if (error) return <Failure error={error} again={() => void Promise.all([assets.refetch(), updates.refetch(), dags.refetch()])} />;
  if (!assets.data || !updates.data || !dags.data) return <p className="loading">Loading…</p>;
  if (!spec.tasks.length) return <Empty>No DAG names an asset.</Empty>;
  const open = (id: string) => {
    const { kind, name } = nodeOf(id);
    if (kind === "dag") go(paths.dag(name));
    else go(`/assets?asset=${encodeURIComponent(name)}`);
  };
  return (
    <>
      <p className="faint">
        Arrows from DAGs are updates that they made; arrows to DAGs are what their schedules wait for. Enter or a
        double click opens.
      </p>
      <Graph
        spec={spec}
        states={graph.states}
        selected={selected === undefined ? undefined : assetNode(selected)}
        onSelect={(id) => onAsset(nodeOf(id).kind === "asset" ? nodeOf(id).name : undefined)}
        onOpen={open}
      />
    </>
  );
}

/** Read all pages, one after the other. */
function useAll<M extends PagedMethod>(pages: Pages<M>): void {
  const { hasNextPage, isFetching, fetchNextPage } = pages;
  useEffect(() => {
    if (hasNextPage && !isFetching) void fetchNextPage();
  }, [hasNextPage, isFetching, fetchNextPage]);
}
