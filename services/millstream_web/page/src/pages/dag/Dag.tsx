import "./dag.css";
import { lazy, Suspense, type ComponentType } from "react";
import { useRead } from "../../api/queries";
import { type DagTab, paths } from "../../app/paths";
import { useSettings } from "../../app/settings";
import { useRefreshed } from "../../live/hooks";
import { Empty, Query } from "../../parts/Query";
import { Tabs } from "../../parts/Tabs";
import { Head } from "./Head";
import type { TabProps } from "./tab";

const TABS: Partial<Record<DagTab, { name: string; view: ComponentType<TabProps> }>> = {
  grid: { name: "Grid", view: lazy(() => import("./GridTab")) },
  graph: { name: "Graph", view: lazy(() => import("./GraphTab")) },
};
const FIRST: DagTab = "grid";
// What changes a DAG itself, and not only its runs.
const OF_THE_DAG = new Set(["DagVersionSubmitted", "DagPaused", "DagUnpaused", "NextRunPlanned"]);

/** One DAG: its head, and the tab that the address names. */
export default function Dag({ dagId, tab = FIRST }: { dagId: string; tab: string | undefined }) {
  const { namespace } = useSettings();
  const found = useRead("DagService/GetDag", { namespace, dagId });
  useRefreshed(
    ["DagService/GetDag"],
    (event) => event.dagId === dagId && OF_THE_DAG.has(event.type),
  );
  const shown = Object.hasOwn(TABS, tab) ? TABS[tab as DagTab] : undefined;
  return (
    <Query of={found}>
      {({ dag }) =>
        dag && (
          <>
            <Head dag={dag} />
            <Tabs
              label="Views of the DAG"
              now={tab}
              tabs={Object.entries(TABS).map(([id, { name }]) => ({
                id,
                name,
                to: paths.dag(dagId, id as DagTab),
              }))}
            />
            <Suspense fallback={<p className="loading">Loading…</p>}>
              {shown ? <shown.view dag={dag} /> : <Empty>A DAG has no such view.</Empty>}
            </Suspense>
          </>
        )
      }
    </Query>
  );
}
