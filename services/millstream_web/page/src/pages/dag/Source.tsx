import "./source.css";
import { memo, useMemo } from "react";
import { type Piece, pythonLines } from "./highlight";

// The browser skips what is out of sight a piece at a time.
const LINES_A_PIECE = 100;

/** Python with line numbers. */
export function Source({ text, wraps }: { text: string; wraps: boolean }) {
  const lines = useMemo(() => pythonLines(text.replace(/\n$/, "")), [text]);
  const parts = Math.ceil(lines.length / LINES_A_PIECE);
  return (
    <div
      className={wraps ? "source is-wrapped" : "source"}
      role="region"
      aria-label="Source"
      tabIndex={0}
      style={{ "--digits": String(lines.length).length } as React.CSSProperties}
    >
      {Array.from({ length: parts }, (_, index) => {
        const first = index * LINES_A_PIECE;
        return <Lines key={first} first={first} lines={lines.slice(first, first + LINES_A_PIECE)} />;
      })}
    </div>
  );
}

const Lines = memo(function Lines({ first, lines }: { first: number; lines: readonly Piece[][] }) {
  return (
    <div className="source-lines">
      {lines.map((line, index) => (
        <div key={first + index} className="source-line">
          <span className="source-number" aria-hidden="true">
            {first + index + 1}
          </span>
          <code>
            <Pieces of={line} />
          </code>
        </div>
      ))}
    </div>
  );
});

export function Pieces({ of }: { of: readonly Piece[] }) {
  return of.map(({ text, look }, index) =>
    look ? (
      <span key={index} className={look}>
        {text}
      </span>
    ) : (
      text
    ),
  );
}
