import { memo } from "react";
import { useNow } from "../now";
import { lookOf } from "../states";
import { between, duration } from "../time";
import type { GridColumn } from "./Grid";
import { BAR, COLUMN, HEAD, idOf, nameWidth } from "./sizes";
import { barHeight } from "./window";

// A label is as wide as so many columns.
const LABEL_COLUMNS = 4;

/** The runs: how long each took, and how it stands. */
export const GridHead = memo(function GridHead({
  columns,
  from,
  to,
  activeColumn,
}: {
  columns: readonly GridColumn[];
  from: number;
  to: number;
  /** Of the cell that the keyboard is at, if it is here. */
  activeColumn: number | undefined;
}) {
  const now = useNow(columns.some((column) => column.startedAt && !column.endedAt));
  const longest = Math.max(0, ...columns.map((column) => tookMs(column, now)));
  return (
    <div
      role="rowgroup"
      className="grid-head"
      style={{ height: HEAD, width: `max(100%, calc(${nameWidth} + ${columns.length * COLUMN}px))` }}
    >
      <div role="row" aria-rowindex={1} className="grid-heads">
        <div
          role="columnheader"
          aria-colindex={1}
          className={activeColumn === -1 ? "grid-corner is-active" : "grid-corner"}
          id={idOf({ row: -1, column: -1 })}
        >
          <span className="grid-longest">{longest > 0 && duration(longest)}</span>
          <span>Task</span>
        </div>
        {columns.slice(from, to).map((column, at) => (
          <Bar
            key={column.id}
            column={column}
            index={from + at}
            height={barHeight(tookMs(column, now), longest, BAR)}
            took={between(column.startedAt, column.endedAt, now)}
            isActive={activeColumn === from + at}
          />
        ))}
      </div>
    </div>
  );
});

function tookMs({ startedAt, endedAt }: GridColumn, now: number): number {
  if (!startedAt) return 0;
  return (endedAt ? Date.parse(endedAt) : now) - Date.parse(startedAt);
}

const Bar = memo(function Bar({
  column,
  index,
  height,
  took,
  isActive,
}: {
  column: GridColumn;
  index: number;
  height: number;
  took: string;
  isActive: boolean;
}) {
  const look = lookOf(column.state);
  const words = [column.id, look.word, took, column.runType].filter(Boolean).join(", ");
  return (
    <div
      role="columnheader"
      aria-colindex={index + 2}
      title={words}
      id={idOf({ row: -1, column: index })}
      data-row={-1}
      data-column={index}
      className={`grid-run state-${look.name}${isActive ? " is-active" : ""}`}
      style={{ left: `calc(${nameWidth} + ${index * COLUMN}px)` }}
    >
      <span className="unseen">{words}</span>
      <span className="grid-bar" style={{ height }} aria-hidden="true" />
      <span className="grid-sign" aria-hidden="true">
        {look.sign}
      </span>
      {index % LABEL_COLUMNS === 0 && (
        <span className="grid-when" aria-hidden="true">
          {column.label}
        </span>
      )}
    </div>
  );
});
