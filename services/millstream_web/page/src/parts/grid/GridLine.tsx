import { memo } from "react";
import type { TaskSum } from "../instances";
import { lookOf } from "../states";
import type { GridCells } from "./cells";
import type { GridColumn } from "./Grid";
import type { GridRow } from "./rows";
import { COLUMN, idOf, nameWidth, ROW } from "./sizes";

interface Props {
  row: GridRow;
  index: number;
  columns: readonly GridColumn[];
  cells: GridCells;
  /** Another one when a cell of this row may have changed. */
  stamp: string;
  from: number;
  to: number;
  /** Of the cell that the keyboard is at, if it is in this row. */
  activeColumn: number | undefined;
}

/** A task, a group or an instance, and what became of it in each run. */
export const GridLine = memo(function GridLine({ row, index, columns, cells, ...rest }: Props) {
  const { from, to, activeColumn } = rest;
  return (
    <div
      role="row"
      aria-rowindex={index + 2}
      className={`grid-line is-${row.kind}`}
      style={{ top: index * ROW }}
    >
      <Name row={row} index={index} isActive={activeColumn === -1} />
      {columns.slice(from, to).map((column, at) => (
        <Cell
          key={column.id}
          row={row}
          index={index}
          column={from + at}
          run={column.id}
          sum={cells.at(column.id, row)}
          isActive={activeColumn === from + at}
        />
      ))}
    </div>
  );
});

function Name({ row, index, isActive }: { row: GridRow; index: number; isActive: boolean }) {
  const fold = row.isOpen === undefined ? {} : { "aria-expanded": row.isOpen };
  return (
    <div
      role="rowheader"
      aria-colindex={1}
      id={idOf({ row: index, column: -1 })}
      data-row={index}
      data-column={-1}
      title={row.kind === "instance" ? `${row.id} ${row.label}` : row.id}
      className={isActive ? "grid-name is-active" : "grid-name"}
      style={{ paddingLeft: `${0.5 + row.depth * 0.9}rem` }}
      {...fold}
    >
      <span className="grid-fold" aria-hidden="true">
        {row.isOpen === undefined ? "" : row.isOpen ? "▾" : "▸"}
      </span>
      <span className="grid-label">{row.label}</span>
    </div>
  );
}

function Cell({
  row,
  index,
  column,
  run,
  sum,
  isActive,
}: {
  row: GridRow;
  index: number;
  column: number;
  run: string;
  sum: TaskSum | undefined;
  isActive: boolean;
}) {
  const look = sum ? lookOf(sum.state) : undefined;
  const name = row.kind === "instance" ? `${row.id} ${row.label}` : row.id;
  const count = sum?.total === undefined ? "" : `, ${sum.done ?? 0} of ${sum.total} are over`;
  const words = `${name}, ${run}, ${look?.word ?? "not in this run"}${count}`;
  return (
    <div
      role="gridcell"
      aria-colindex={column + 2}
      aria-label={words}
      title={words}
      id={idOf({ row: index, column })}
      data-row={index}
      data-column={column}
      className={`grid-cell${look ? ` state-${look.name}` : ""}${isActive ? " is-active" : ""}`}
      style={{ left: `calc(${nameWidth} + ${column * COLUMN}px)` }}
    >
      {look && <span aria-hidden="true">{look.sign}</span>}
    </div>
  );
}
