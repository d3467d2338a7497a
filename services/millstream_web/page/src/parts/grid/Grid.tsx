/**
 * Tasks by runs: only what is seen is in the document, whichever way it is scrolled.
 *
 *     <Grid
 *       label="Grid of my_dag"
 *       rows={gridRows(tree, unfolding, search)}
 *       columns={runs}          the oldest first: the newest is at the right, where the look begins
 *       cells={cells}           a GridCells, changed in place ..
 *       version={version}       .. and this is another number afterwards
 *       onFold={(row) => ..}    a group, or the instances of a mapped task
 *       onOpen={(row, column) => ..}   a cell; without a row the run itself
 *     />
 *
 * One stop for Tab; arrow keys, Home, End, Page up and down go from cell to cell, Enter opens, and on a
 * name it folds. `--grid-height` sets how high it is.
 */
import "./grid.css";
import { type KeyboardEvent, type MouseEvent, useEffect, useLayoutEffect, useRef, useState } from "react";
import type { RunState } from "../../api/types";
import type { GridCells } from "./cells";
import { GridHead } from "./GridHead";
import { GridLine } from "./GridLine";
import type { GridRow } from "./rows";
import { COLUMN, HEAD, idOf, nameWidth, ROW } from "./sizes";
import { moved, type Place, scrolledTo, type Span, spanOf } from "./window";

export interface GridColumn {
  id: string;
  state: RunState;
  /** What the run is called where there is room. */
  label: string;
  runType: string;
  startedAt?: string;
  endedAt?: string;
}

interface Props {
  label: string;
  rows: readonly GridRow[];
  columns: readonly GridColumn[];
  cells: GridCells;
  version: number;
  onFold: (row: GridRow) => void;
  onOpen: (row: GridRow | undefined, column: GridColumn) => void;
}

interface Spans {
  rows: Span;
  columns: Span;
}

const SPARE_ROWS = 6;
const SPARE_COLUMNS = 8;

export function Grid({ label, rows, columns, cells, onFold, onOpen }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const [spans, look] = useSpans(box, rows.length, columns.length);
  useNewestFirst(box, columns, look);
  useEffect(() => void performance.mark("millstream.grid"), []);
  const enter = ({ row, column }: Place): void => {
    const line = rows[row];
    const run = columns[column];
    if (!line || (column >= 0 && line.kind !== "group")) {
      if (run) onOpen(line, run);
    } else if (line.isOpen !== undefined) {
      onFold(line);
    }
  };
  const { active, onKeyDown, onClick } = useActive(box, rows.length, columns.length, enter, look);
  return (
    <div
      ref={box}
      className="grid"
      role="grid"
      aria-label={label}
      aria-rowcount={rows.length + 1}
      aria-colcount={columns.length + 1}
      aria-activedescendant={idOf(active)}
      tabIndex={0}
      onScroll={look}
      onKeyDown={onKeyDown}
      onClick={onClick}
    >
      <GridHead
        columns={columns}
        from={spans.columns.from}
        to={spans.columns.to}
        activeColumn={active.row === -1 ? active.column : undefined}
      />
      <div role="rowgroup" className="grid-body" style={sizeOf(rows.length, columns.length)}>
        {rows.slice(spans.rows.from, spans.rows.to).map((row, at) => {
          const index = spans.rows.from + at;
          return (
            <GridLine
              key={row.key}
              row={row}
              index={index}
              columns={columns}
              cells={cells}
              stamp={cells.stampOf(row)}
              from={spans.columns.from}
              to={spans.columns.to}
              activeColumn={active.row === index ? active.column : undefined}
            />
          );
        })}
      </div>
    </div>
  );
}

/** The cell that the keyboard is at, and how it gets to another one. */
function useActive(
  box: { current: HTMLDivElement | null },
  rows: number,
  columns: number,
  enter: (place: Place) => void,
  look: () => void,
): { active: Place; onKeyDown: (event: KeyboardEvent) => void; onClick: (event: MouseEvent) => void } {
  const [at, setAt] = useState<Place>({ row: 0, column: columns - 1 });
  // There may be fewer rows than there were.
  const active = { row: Math.min(at.row, rows - 1), column: Math.min(at.column, columns - 1) };
  const onKeyDown = (event: KeyboardEvent): void => {
    const next = moved(active, event, rows, columns);
    if (next) {
      setAt(next);
      reveal(box.current, next);
      look();
    } else if (event.key === "Enter" || event.key === " ") {
      enter(active);
    } else {
      return;
    }
    event.preventDefault();
  };
  const onClick = (event: MouseEvent): void => {
    const place = placeOf(event.target);
    if (!place) return;
    setAt(place);
    enter(place);
  };
  return { active, onKeyDown, onClick };
}

function sizeOf(rows: number, columns: number): { height: number; width: string } {
  return { height: rows * ROW, width: `max(100%, calc(${nameWidth} + ${columns * COLUMN}px))` };
}

/** What is seen, anew when it is scrolled so far that something else is. */
function useSpans(
  box: { current: HTMLDivElement | null },
  rows: number,
  columns: number,
): [Spans, () => void] {
  const [at, setAt] = useState({ left: 0, top: 0, width: 1200, height: 700 });
  const spans = spansOf(at, rows, columns);
  const shown = useRef(spans);
  shown.current = spans;
  const look = (): void => {
    const found = box.current;
    if (!found) return;
    const { scrollLeft: left, scrollTop: top, clientWidth: width, clientHeight: height } = found;
    const next = { left, top, width, height };
    if (!isSame(spansOf(next, rows, columns), shown.current)) setAt(next);
  };
  useLayoutEffect(() => {
    const found = box.current;
    if (!found) return;
    const observer = new ResizeObserver(() => latest.current());
    observer.observe(found);
    return () => observer.disconnect();
  }, [box]);
  const latest = useRef(look);
  latest.current = look;
  return [spans, look];
}

function spansOf(
  at: { left: number; top: number; width: number; height: number },
  rows: number,
  columns: number,
): Spans {
  return {
    rows: spanOf(at.top, at.height, ROW, rows, SPARE_ROWS),
    columns: spanOf(at.left, at.width, COLUMN, columns, SPARE_COLUMNS),
  };
}

function isSame(one: Spans, other: Spans): boolean {
  return (["rows", "columns"] as const).every(
    (way) => one[way].from === other[way].from && one[way].to === other[way].to,
  );
}

/** Begin at the newest run, and stay with it when a newer one comes. */
function useNewestFirst(
  box: { current: HTMLDivElement | null },
  columns: readonly GridColumn[],
  look: () => void,
): void {
  const isAtEnd = useRef(true);
  useLayoutEffect(() => {
    const found = box.current;
    if (!found) return;
    const watch = (): void => {
      isAtEnd.current = found.scrollLeft + found.clientWidth >= found.scrollWidth - COLUMN;
    };
    found.addEventListener("scroll", watch, { passive: true });
    return () => found.removeEventListener("scroll", watch);
  }, [box]);
  const newest = columns.at(-1)?.id;
  useLayoutEffect(() => {
    const found = box.current;
    if (!found || !isAtEnd.current) return;
    found.scrollLeft = found.scrollWidth;
    look();
    // Only a new run is a reason to scroll.
  }, [newest, columns.length]);
}

function reveal(box: HTMLDivElement | null, { row, column }: Place): void {
  if (!box) return;
  const names = box.querySelector<HTMLElement>(".grid-corner")?.offsetWidth ?? 0;
  if (row >= 0) {
    const top = row * ROW;
    box.scrollTop = scrolledTo(box.scrollTop, box.clientHeight - HEAD, top, top + ROW);
  }
  if (column >= 0) {
    const left = column * COLUMN;
    box.scrollLeft = scrolledTo(box.scrollLeft, box.clientWidth - names, left, left + COLUMN);
  }
}

function placeOf(target: EventTarget): Place | undefined {
  const cell = target instanceof Element ? target.closest<HTMLElement>("[data-column]") : null;
  if (!cell) return undefined;
  return { row: Number(cell.dataset.row), column: Number(cell.dataset.column) };
}
