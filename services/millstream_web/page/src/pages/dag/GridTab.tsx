import { useMemo, useState } from "react";
import { useLocation } from "wouter";
import { useSearchParam } from "../../app/address";
import { paths } from "../../app/paths";
import { foldedAtFirst } from "../../parts/graph/visible";
import { Grid, type GridColumn } from "../../parts/grid/Grid";
import { Legend } from "../../parts/grid/Legend";
import { type GridRow, gridRows } from "../../parts/grid/rows";
import { treeOf } from "../../parts/groups";
import { Empty, Query } from "../../parts/Query";
import { instant } from "../../parts/time";
import { GridFilters, useGridFilter } from "./GridFilters";
import type { GridModel } from "./gridModel";
import type { ShownRun } from "./gridSource";
import type { TabProps } from "./tab";
import { useGrid } from "./useGrid";

/** Runs by tasks. */
export default function GridTab({ dag }: TabProps) {
  const { spec } = dag;
  const tree = useMemo(() => treeOf(spec ?? { tasks: [], groups: [] }), [spec]);
  const filter = useGridFilter();
  const [search = "", setSearch] = useSearchParam("search");
  const [unfolded, setUnfolded] = useState<ReadonlySet<string>>(new Set());
  const [folded, setFolded] = useState(() => foldedAtFirst(tree));
  const { found, version } = useGrid(dag, tree, filter, unfolded);
  const fold = (row: GridRow): void => {
    if (row.kind === "group") setFolded(toggled(folded, row.id));
    else setUnfolded(toggled(unfolded, row.id));
  };
  return (
    <>
      <GridFilters
        search={search}
        onSearch={setSearch}
        groups={tree.groups.size}
        foldAll={() => setFolded(new Set(tree.groups.keys()))}
        unfoldAll={() => setFolded(new Set())}
      />
      <Query of={found}>
        {(model) => {
          const instances = new Map([...unfolded].map((id) => [id, model.cells.indices(id)]));
          const rows = gridRows(tree, { folded, instances }, search);
          return <Filled dagId={dag.dagId} model={model} rows={rows} version={version} fold={fold} />;
        }}
      </Query>
      <Legend />
    </>
  );
}

function Filled({
  dagId,
  model,
  rows,
  version,
  fold,
}: {
  dagId: string;
  model: GridModel;
  rows: readonly GridRow[];
  version: number;
  fold: (row: GridRow) => void;
}) {
  const [, navigate] = useLocation();
  const runs = model.columns;
  const columns = useMemo(() => runs.map(columnOf), [runs]);
  if (!columns.length) return <Empty>There are no runs, or none that the filters let through.</Empty>;
  if (!rows.length) return <Empty>There are no such tasks.</Empty>;
  return (
    <Grid
      label={`Tasks of ${dagId} by runs`}
      rows={rows}
      columns={columns}
      cells={model.cells}
      version={version}
      onFold={fold}
      onOpen={(row, { id: runId }) =>
        navigate(
          row
            ? paths.task({ dagId, runId, taskId: row.id, mapIndex: [...row.mapIndex] })
            : paths.run(dagId, runId),
        )
      }
    />
  );
}

function columnOf(run: ShownRun): GridColumn {
  const at = run.logicalDate ?? run.createdAt;
  return {
    id: run.runId,
    state: run.state,
    label: at ? instant(at).slice(5, 16) : "",
    runType: run.runType,
    ...(run.startedAt ? { startedAt: run.startedAt } : {}),
    ...(run.endedAt ? { endedAt: run.endedAt } : {}),
  };
}

function toggled(set: ReadonlySet<string>, id: string): ReadonlySet<string> {
  const next = new Set(set);
  if (!next.delete(id)) next.add(id);
  return next;
}
