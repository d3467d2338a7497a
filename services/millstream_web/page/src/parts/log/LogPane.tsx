import { type Ref, useEffect, useImperativeHandle, useLayoutEffect, useRef, useState } from "react";
import { LogLine, type Look } from "./LogLine";
import type { LogModel } from "./model";
import { offsetOf, scrollTopOf, spacer } from "./scroll";

export const LINE_PX = 20;
const OVERSCAN = 10;

export interface Pane {
  /** Bring a row into the middle. */
  show: (row: number) => void;
}

/** The lines that are seen, of however many there are. */
export function LogPane({
  model,
  look,
  isFollowed,
  onFollow,
  onColumns,
  linkOf,
  chosen,
  found,
  onFold,
  ref,
}: {
  model: LogModel;
  look: Look;
  isFollowed: boolean;
  onFollow: (isFollowed: boolean) => void;
  /** Says how many characters fit into a row. */
  onColumns: (columns: number) => void;
  linkOf: (line: { attempt: number; number: number }) => string;
  /** A line, and a row that was looked for; -1: none. */
  chosen: number;
  found: number;
  onFold: (line: number) => void;
  ref: Ref<Pane>;
}) {
  const { view, store } = model;
  const box = useRef<HTMLDivElement>(null);
  const [scrolled, setScrolled] = useState(0);
  const height = useSize(box, look, onColumns);
  const last = useRef(0);
  const total = view.height * LINE_PX;
  const scrollTo = (offset: number) => {
    if (!box.current) return;
    box.current.scrollTop = last.current = scrollTopOf(offset, total, height);
    setScrolled(last.current);
  };
  useImperativeHandle(ref, () => ({
    show: (row) => scrollTo(view.offsetOf(row) * LINE_PX - height / 2 + LINE_PX),
  }));
  useLayoutEffect(() => {
    if (isFollowed) scrollTo(total);
  }, [isFollowed, total, height]);

  const onScroll = () => {
    const now = box.current?.scrollTop ?? 0;
    const isUp = now < last.current - 1;
    const isAtEnd = now + height >= spacer(total) - LINE_PX;
    last.current = now;
    setScrolled(now);
    if (isUp && isFollowed && !isAtEnd) onFollow(false);
    else if (!isUp && isAtEnd && !isFollowed) onFollow(true);
  };

  const offset = offsetOf(scrolled, total, height);
  const first = Math.max(0, view.rowAt(offset / LINE_PX) - OVERSCAN);
  const rows: number[] = [];
  let bottom = view.offsetOf(first) * LINE_PX;
  const top = bottom - offset + scrolled;
  for (let row = first; row < view.length && bottom < offset + height + OVERSCAN * LINE_PX; row++) {
    rows.push(row);
    bottom += view.heightOf(row) * LINE_PX;
  }
  return (
    <div
      className={look.wrap ? "lines wraps" : "lines"}
      ref={box}
      onScroll={onScroll}
      tabIndex={0}
      role="log"
      aria-live="off"
      aria-label="Log"
    >
      <div className="space" style={{ height: spacer(total) }}>
        <div className="seen" style={{ transform: `translateY(${top}px)` }}>
          {rows.map((row) => {
            const line = store.line(view.lineOf(row));
            const place = view.placeOf(row);
            const isFolded = view.filter.isFolded && !view.filter.unfolded.has(line.index);
            return (
              <div key={row} style={{ height: view.heightOf(row) * LINE_PX }}>
                <LogLine
                  line={line}
                  before={store.styleBefore(line.index)}
                  place={place}
                  look={look}
                  to={linkOf(line)}
                  isChosen={line.index === chosen}
                  isFound={row === found}
                  fold={
                    place === "first" && view.filter.isFolded
                      ? { isFolded, turn: () => onFold(line.index) }
                      : null
                  }
                />
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}

// What stands before the text: the number, the time, the sign of a traceback and the level.
const BEFORE_CH = 8 + 3;
const TIME_CH = 14;

function useSize(
  box: { current: HTMLDivElement | null },
  look: Look,
  onColumns: (columns: number) => void,
): number {
  const [size, setSize] = useState({ height: 600, width: 800 });
  useEffect(() => {
    const element = box.current;
    if (!element || typeof ResizeObserver === "undefined") return;
    const observer = new ResizeObserver(() =>
      setSize({ height: element.clientHeight || 600, width: element.clientWidth || 800 }),
    );
    observer.observe(element);
    return () => observer.disconnect();
  }, [box]);
  useEffect(() => {
    const width = characterWidth(box.current);
    const before = BEFORE_CH + (look.times ? TIME_CH : 0);
    onColumns(Math.max(20, Math.floor(size.width / width) - before));
  }, [size.width, look.times]);
  return size.height;
}

function characterWidth(element: HTMLElement | null): number {
  const context = element && document.createElement("canvas").getContext("2d");
  if (!context || !element) return 8;
  context.font = getComputedStyle(element).font;
  return context.measureText("0123456789").width / 10 || 8;
}
