import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useMemo, useRef, useState } from "react";
import { Link } from "wouter";
import type { TaskState } from "../../api/types";
import { useSettings } from "../../app/settings";
import { useNow } from "../now";
import { Empty } from "../Query";
import { State } from "../State";
import { duration } from "../time";
import { panned, type Span, tickLabel, ticks, zoomed } from "./axis";
import { BarsOfRow } from "./BarsOfRow";
import { barsAt, type GanttRow } from "./bars";
import "./gantt.css";

const ROW_PX = 26;

interface Props {
  rows: readonly GanttRow[];
  cut?: { position: number; at: number } | undefined;
  /** The state that is shown beside a name. */
  stateOf?: ((key: string) => TaskState | undefined) | undefined;
  selected?: string | undefined;
}

/**
 * What each task did when. The wheel scrolls; with Ctrl it zooms, with Shift it moves in time, and
 * so do the keys + - 0 and the arrows. `cut`: the event as of which it is drawn; else as of now.
 */
export function Gantt({ rows, cut, stateOf, selected }: Props) {
  const isOpen = useMemo(() => rows.some(({ bars }) => bars.length > 0 && bars.at(-1)?.to === undefined), [rows]);
  const now = useNow(isOpen);
  const bounds = useMemo(() => boundsOf(rows), [rows]);
  const whole = extent(bounds, now, isOpen);
  const [chosen, setChosen] = useState<Span | null>(null);
  // The rows are drawn again when it is there: their own effects come before it.
  const [box, setBox] = useState<HTMLDivElement | null>(null);
  const lane = useRef<HTMLDivElement>(null);
  const width = useWidth(lane, rows.length > 0);
  const span = chosen ?? whole;
  const change = (next: Span) =>
    setChosen(next.to - next.from >= whole.to - whole.from ? null : next);
  useWheel(box, lane, span, (next) => change(next(span, whole)));
  if (!rows.some((row) => row.bars.length)) return <Empty>No task has begun.</Empty>;
  const middle = (span.from + span.to) / 2;
  const keys: Record<string, () => Span> = {
    "+": () => zoomed(span, 1.5, middle, whole),
    "=": () => zoomed(span, 1.5, middle, whole),
    "-": () => zoomed(span, 1 / 1.5, middle, whole),
    "0": () => whole,
    ArrowLeft: () => panned(span, -0.1, whole),
    ArrowRight: () => panned(span, 0.1, whole),
  };
  return (
    <div className="gantt">
      <div className="gantt-bar">
        <span className="faint number">{duration(span.to - span.from)}</span>
        <button type="button" onClick={() => change(keys["+"]?.() ?? span)} aria-label="Zoom in">
          +
        </button>
        <button type="button" onClick={() => change(keys["-"]?.() ?? span)} aria-label="Zoom out">
          −
        </button>
        <button type="button" onClick={() => setChosen(null)} disabled={!chosen}>
          All
        </button>
      </div>
      <div
        className="gantt-rows"
        ref={setBox}
        tabIndex={0}
        role="region"
        aria-label="Gantt"
        onKeyDown={(event) => {
          const press = keys[event.key];
          if (!press || event.ctrlKey || event.metaKey) return;
          event.preventDefault();
          change(press());
        }}
      >
        <div className="gantt-axis">
          <span className="name" />
          <Axis lane={lane} span={span} width={width} cut={cut?.at} />
        </div>
        <Rows rows={rows} box={box} span={span} width={width} now={now} cut={cut} stateOf={stateOf} selected={selected} />
      </div>
    </div>
  );
}

/** The rows that are seen. */
function Rows({
  rows,
  box,
  span,
  width,
  now,
  cut,
  stateOf,
  selected,
}: Props & { box: HTMLDivElement | null; span: Span; width: number; now: number }) {
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => box,
    estimateSize: () => ROW_PX,
    overscan: 10,
    initialRect: { width: 1000, height: 600 },
  });
  return (
    <div className="gantt-body" style={{ height: virtual.getTotalSize() }}>
      {virtual.getVirtualItems().map((item) => {
        const row = rows[item.index];
        if (!row) return null;
        return (
          <div
            key={row.key}
            className={row.key === selected ? "gantt-row selected" : "gantt-row"}
            style={{ transform: `translateY(${item.start}px)`, height: ROW_PX }}
          >
            <span className="name">
              <StateBeside of={stateOf?.(row.key)} />
              {row.to ? <Link href={row.to} title={row.name}>{row.name}</Link> : <span title={row.name}>{row.name}</span>}
            </span>
            <BarsOfRow
              bars={cut ? barsAt(row.bars, cut.position, cut.at) : row.bars}
              span={span}
              width={width}
              end={cut?.at ?? now}
            />
          </div>
        );
      })}
    </div>
  );
}

function StateBeside({ of }: { of: TaskState | undefined }) {
  return of ? <State of={of} small /> : null;
}

function Axis({
  lane,
  span,
  width,
  cut,
}: {
  lane: React.RefObject<HTMLDivElement | null>;
  span: Span;
  width: number;
  cut: number | undefined;
}) {
  const { zone } = useSettings();
  const most = Math.max(2, Math.floor(width / 90));
  const share = cut === undefined ? -1 : (cut - span.from) / (span.to - span.from);
  return (
    <div className="lane" ref={lane}>
      {ticks(span, most, zone).map((at) => (
        <span key={at} className="tick" style={{ left: `${((at - span.from) / (span.to - span.from)) * 100}%` }}>
          {tickLabel(at, span, zone)}
        </span>
      ))}
      {share >= 0 && share <= 1 && <span className="cut" style={{ left: `${share * 100}%` }} />}
    </div>
  );
}

/** When the first bar begins and the last one that is over ends. */
function boundsOf(rows: readonly GanttRow[]): Span {
  let from = Number.POSITIVE_INFINITY;
  let to = 0;
  for (const { bars } of rows) {
    for (const bar of [bars[0], bars.at(-1)]) {
      if (!bar) continue;
      from = Math.min(from, bar.from);
      to = Math.max(to, bar.to ?? bar.from);
    }
  }
  return { from, to };
}

function extent({ from, to }: Span, now: number, isOpen: boolean): Span {
  if (!Number.isFinite(from)) return { from: now - 1000, to: now };
  const last = isOpen ? Math.max(now, to) : to;
  const length = Math.max(last - from, 100);
  return { from: from - length * 0.01, to: last + length * (isOpen ? 0.06 : 0.02) };
}

function useWidth(lane: React.RefObject<HTMLDivElement | null>, isThere: boolean): number {
  const [width, setWidth] = useState(800);
  useEffect(() => {
    const element = lane.current;
    if (!element || typeof ResizeObserver === "undefined") return;
    const observer = new ResizeObserver(() => setWidth(element.clientWidth || 800));
    observer.observe(element);
    return () => observer.disconnect();
  }, [lane, isThere]);
  return width;
}

type Change = (span: Span, whole: Span) => Span;

/** React listens to wheels passively, so that the page would scroll as well. */
function useWheel(
  box: HTMLDivElement | null,
  lane: React.RefObject<HTMLDivElement | null>,
  span: Span,
  change: (next: Change) => void,
): void {
  const latest = useRef({ span, change });
  latest.current = { span, change };
  useEffect(() => {
    if (!box) return;
    const turn = (event: WheelEvent) => {
      const rect = lane.current?.getBoundingClientRect();
      const sideways = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
      if (!rect || (!event.ctrlKey && !event.metaKey && !sideways)) return;
      event.preventDefault();
      const { span: at, change: apply } = latest.current;
      if (event.ctrlKey || event.metaKey) {
        const share = Math.min(1, Math.max(0, (event.clientX - rect.left) / rect.width));
        const around = at.from + share * (at.to - at.from);
        apply((before, whole) => zoomed(before, Math.exp(-event.deltaY / 300), around, whole));
      } else {
        apply((before, whole) => panned(before, sideways / rect.width, whole));
      }
    };
    box.addEventListener("wheel", turn, { passive: false });
    return () => box.removeEventListener("wheel", turn);
  }, [box, lane]);
}
