import { Link } from "wouter";
import { useRead } from "../../api/queries";
import type { DagVersion } from "../../api/types";
import { useSearchParam } from "../../app/address";
import { paths } from "../../app/paths";
import { useRefreshed } from "../../live/hooks";
import { Query } from "../../parts/Query";
import { type Column, Table } from "../../parts/Table";
import { Ago, Time } from "../../parts/Time";
import { Comparison } from "./Comparison";
import type { TabProps } from "./tab";

const PAGE = 1000;

const COLUMNS: readonly Column<DagVersion>[] = [
  {
    name: "Version",
    width: "7rem",
    cell: ({ dagId, version }) => (
      <Link href={`${paths.dag(dagId, "code")}?version=${version}`}>{version}</Link>
    ),
  },
  { name: "Submitted", cell: ({ submittedAt }) => <Time at={submittedAt} /> },
  { name: "Ago", isExtra: true, cell: ({ submittedAt }) => <Ago at={submittedAt} /> },
  { name: "By", cell: ({ submittedBy }) => submittedBy },
  { name: "Position", isNumber: true, isExtra: true, cell: ({ position }) => position },
  {
    name: "Bundle",
    isExtra: true,
    cell: ({ bundle }) => <code title={bundle}>{bundle.slice(0, 12)}</code>,
  },
  {
    name: "Runs",
    isExtra: true,
    cell: ({ dagId, version }) => (
      <Link href={`${paths.dag(dagId, "runs")}?version=${version}`}>its runs</Link>
    ),
  },
];

/** The versions of the DAG, and what changed from one to another. */
export default function VersionsTab({ dag: { namespace, dagId, latestVersion } }: TabProps) {
  const [from] = useSearchParam("from");
  const [to] = useSearchParam("to");
  const found = useRead("DagService/ListDagVersions", { namespace, dagId, pageSize: PAGE });
  useRefreshed(
    ["DagService/ListDagVersions"],
    (event) => event.dagId === dagId && event.type === "DagVersionSubmitted",
  );
  return (
    <>
      <Query of={found}>
        {({ dagVersions }) => (
          <div className="versions">
            <Table
              label={`Versions of ${dagId}`}
              rows={dagVersions}
              columns={COLUMNS}
              keyOf={({ version }) => String(version)}
            />
          </div>
        )}
      </Query>
      {latestVersion > 1 ? (
        <Comparison
          namespace={namespace}
          dagId={dagId}
          latest={latestVersion}
          from={Number(from) || latestVersion - 1}
          to={Number(to) || latestVersion}
        />
      ) : (
        <p className="faint">There is one version only: nothing to compare it with.</p>
      )}
    </>
  );
}
