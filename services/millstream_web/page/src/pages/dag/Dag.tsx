import "./dag.css";
import { useEffect } from "react";
import { useLocation } from "wouter";
import { useRead } from "../../api/queries";
import { useKeys } from "../../app/keys";
import { type Late, late } from "../../app/late";
import { type DagTab, paths } from "../../app/paths";
import { useSettings } from "../../app/settings";
import { useRefreshed } from "../../live/hooks";
import { Empty, Query } from "../../parts/Query";
import { Tabs } from "../../parts/Tabs";
import { Head } from "./Head";
import type { TabProps } from "./tab";

const TABS: Record<DagTab, { name: string; key: string; view: Late<TabProps> }> = {
  grid: { name: "Grid", key: "v g", view: late(() => import("./GridTab")) },
  graph: { name: "Graph", key: "v r", view: late(() => import("./GraphTab")) },
  gantt: { name: "Gantt", key: "v t", view: late(() => import("./GanttTab")) },
  calendar: { name: "Calendar", key: "v c", view: late(() => import("./CalendarTab")) },
  runs: { name: "Runs", key: "v u", view: late(() => import("./RunsTab")) },
  code: { name: "Code", key: "v o", view: late(() => import("./CodeTab")) },
  versions: { name: "Versions", key: "v v", view: late(() => import("./VersionsTab")) },
  details: { name: "Details", key: "v d", view: late(() => import("./DetailsTab")) },
};
const TAB_IDS = Object.keys(TABS) as DagTab[];
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
  const shown = TAB_IDS.find((id) => id === tab);
  const View = shown && TABS[shown].view;
  // Not only when it is known that there is such a DAG.
  useEffect(() => View?.begin(), [View]);
  const [, navigate] = useLocation();
  useKeys([
    ...TAB_IDS.map((id) => ({
      keys: TABS[id].key,
      what: `${TABS[id].name} of the DAG`,
      act: () => navigate(paths.dag(dagId, id)),
    })),
    { keys: "t", what: "Trigger the DAG", act: () => navigate(paths.trigger(dagId)) },
    { keys: "b", what: "Backfill the DAG", act: () => navigate(paths.backfill(dagId)) },
  ]);
  return (
    <Query of={found}>
      {({ dag }) =>
        dag && (
          <>
            <Head dag={dag} />
            <Tabs
              label="Views of the DAG"
              now={tab}
              tabs={TAB_IDS.map((id) => ({ id, name: TABS[id].name, to: paths.dag(dagId, id) }))}
            />
            {View ? <View dag={dag} /> : <Empty>A DAG has no such view.</Empty>}
          </>
        )
      }
    </Query>
  );
}
