import { memo } from "react";
import { lookOf } from "../states";
import { duration, instant } from "../time";
import type { Span } from "./axis";
import type { Bar } from "./bars";

/** What one instance did. Of bars narrower than a pixel those that would cover each other are left out. */
export const BarsOfRow = memo(function BarsOfRow({
  bars,
  span,
  width,
  end,
}: {
  bars: readonly Bar[];
  span: Span;
  width: number;
  end: number;
}) {
  const scale = width / (span.to - span.from);
  const drawn = [];
  let edge = -1;
  for (const [at, bar] of bars.entries()) {
    const from = Math.max(0, (bar.from - span.from) * scale);
    const to = Math.min(width, ((bar.to ?? end) - span.from) * scale);
    if (to < 0 || from > width || to <= edge) continue;
    const look = lookOf(bar.outcome ?? bar.state);
    edge = Math.max(to, from + 1);
    drawn.push(
      <span
        key={at}
        className={`bar state-${look.name} ${bar.state === "TASK_STATE_RUNNING" ? "ran" : "waited"}`}
        style={{ left: from, width: Math.max(2, to - from) }}
        title={said(bar, end)}
      />,
    );
  }
  return (
    <div className="lane">
      <span className="unseen">{bars.map((bar) => said(bar, end)).slice(-3).join("; ")}</span>
      {drawn}
    </div>
  );
});

function said(bar: Bar, end: number): string {
  const state = lookOf(bar.state).word;
  const outcome = bar.outcome ? `, then ${lookOf(bar.outcome).word}` : "";
  const to = bar.to === undefined ? "now" : instant(bar.to).slice(11);
  const attempt = bar.attempt ? `, attempt ${bar.attempt}` : "";
  return `${state}${outcome}: ${instant(bar.from)} to ${to} (${duration((bar.to ?? end) - bar.from)})${attempt}`;
}
