import "./diff.css";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useMemo, useRef, useState } from "react";
import { countOf, type DiffRow, type Line, paired, shortened, unified } from "./compare";

const ROW_PX = 20;

/** What changed from one text to the other. */
export function Diff({ before, after, isSplit }: { before: string; after: string; isSplit: boolean }) {
  const [all, setAll] = useState(false);
  const pairs = useMemo(() => paired(before, after), [before, after]);
  const rows = useMemo(() => {
    const short = shortened(pairs, all);
    return isSplit ? short : unified(short);
  }, [pairs, all, isSplit]);
  const { added, removed } = useMemo(() => countOf(pairs), [pairs]);
  if (!added && !removed) return <p className="empty">Nothing changed.</p>;
  return (
    <>
      <p className="filters">
        <span className="diff-added">+{added}</span>
        <span className="diff-removed">−{removed}</span>
        <span className="faint">lines</span>
        <button type="button" onClick={() => setAll(!all)}>
          {all ? "Show changes only" : "Show all lines"}
        </button>
      </p>
      <Rows rows={rows} isSplit={isSplit} />
    </>
  );
}

function Rows({ rows, isSplit }: { rows: readonly DiffRow[]; isSplit: boolean }) {
  const box = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => box.current,
    estimateSize: () => ROW_PX,
    overscan: 20,
    initialRect: { width: 1000, height: 800 },
  });
  return (
    <div className="diff" ref={box} role="region" aria-label="Changes" tabIndex={0}>
      <div className="diff-rows" style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map(({ index, start }) => {
          const row = rows[index];
          return (
            row && (
              <div key={index} className="diff-row" style={{ top: start }}>
                <Row row={row} isSplit={isSplit} />
              </div>
            )
          );
        })}
      </div>
    </div>
  );
}

function Row({ row, isSplit }: { row: DiffRow; isSplit: boolean }) {
  if (row.kind === "gap") {
    return (
      <div className="diff-gap">
        {row.lines} {row.lines === 1 ? "line is" : "lines are"} the same
      </div>
    );
  }
  const isChanged = row.kind === "changed";
  if (isSplit) {
    return (
      <>
        <Side line={row.left} mark={isChanged ? "−" : " "} />
        <Side line={row.right} mark={isChanged ? "+" : " "} />
      </>
    );
  }
  const mark = !isChanged ? " " : row.left ? "−" : "+";
  return <Side line={row.right ?? row.left} mark={mark} />;
}

const LOOKS: Record<string, string> = { "−": "is-removed", "+": "is-added", " ": "" };
const WORDS: Record<string, string> = { "−": "removed: ", "+": "added: ", " ": "" };

function Side({ line, mark }: { line: Line | undefined; mark: string }) {
  if (!line) return <div className="diff-side is-nothing" />;
  return (
    <div className={`diff-side ${LOOKS[mark]}`}>
      <span className="diff-number" aria-hidden="true">
        {line.number}
      </span>
      <span className="diff-mark" aria-hidden="true">
        {mark}
      </span>
      <code title={line.text}>
        <span className="unseen">{WORDS[mark]}</span>
        {line.text}
      </code>
    </div>
  );
}
