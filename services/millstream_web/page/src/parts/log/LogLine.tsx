import { memo, type CSSProperties } from "react";
import { useSettings } from "../../app/settings";
import { instant } from "../time";
import { parseAnsi, type Span, type Style } from "./ansi";
import type { Line } from "./lines";
import { rangesOf } from "./search";
import type { Place } from "./view";

export interface Look {
  times: boolean;
  wrap: boolean;
  wanted: string;
}

/** One line: its number, which is a link to it, its time, where it comes from, and its text. */
export const LogLine = memo(function LogLine({
  line,
  before,
  place,
  look,
  to,
  isChosen,
  isFound,
  fold,
}: {
  line: Line;
  before: Style;
  place: Place;
  look: Look;
  to: string;
  isChosen: boolean;
  isFound: boolean;
  fold: { isFolded: boolean; turn: () => void } | null;
}) {
  const classes = ["line", line.level.toLowerCase(), line.source, place && `trace ${place}`];
  if (isChosen) classes.push("chosen");
  if (isFound) classes.push("here");
  return (
    <div className={classes.filter(Boolean).join(" ")}>
      {line.number >= 0 ? (
        <a className="no" href={to} tabIndex={-1} aria-label={`Line ${line.number + 1}`}>
          {line.number + 1}
        </a>
      ) : (
        <span className="no" />
      )}
      {look.times && <Clock at={line.at} />}
      <span className="fold">
        {fold && (
          <button type="button" aria-expanded={!fold.isFolded} aria-label="Traceback" onClick={fold.turn}>
            {fold.isFolded ? "▸" : "▾"}
          </button>
        )}
      </span>
      {line.level && <span className="level">{line.level}</span>}
      <span className="text" title={line.logger || undefined}>
        <Text line={line} before={before} wanted={look.wanted} />
      </span>
    </div>
  );
});

function Clock({ at }: { at: number }) {
  const { zone } = useSettings();
  if (!at) return <span className="at" />;
  const ms = String(Math.floor(at % 1000)).padStart(3, "0");
  return (
    <time className="at" dateTime={new Date(at).toISOString()} title={instant(at, zone)}>
      {instant(at, zone).slice(11)}.{ms}
    </time>
  );
}

function Text({ line, before, wanted }: { line: Line; before: Style; wanted: string }) {
  const { spans } = parseAnsi(line.text, before);
  const marked = wanted ? mark(spans, wanted) : spans.map((span) => ({ ...span, isFound: false }));
  return marked.map((span, at) => {
    const { className, style } = looks(span.style);
    const text = span.isFound ? <mark>{span.text}</mark> : span.text;
    if (!className && !style) return span.isFound ? <mark key={at}>{span.text}</mark> : span.text;
    return (
      <span key={at} className={className} style={style}>
        {text}
      </span>
    );
  });
}

/** The pieces cut where what is looked for begins and ends. */
export function mark(spans: readonly Span[], wanted: string): (Span & { isFound: boolean })[] {
  const ranges = rangesOf(spans.map((span) => span.text).join(""), wanted);
  const found: (Span & { isFound: boolean })[] = [];
  let start = 0;
  for (const span of spans) {
    const end = start + span.text.length;
    let at = start;
    for (const [from, to] of ranges) {
      if (to <= at || from >= end) continue;
      if (from > at) found.push({ text: span.text.slice(at - start, from - start), style: span.style, isFound: false });
      const first = Math.max(at, from);
      at = Math.min(to, end);
      found.push({ text: span.text.slice(first - start, at - start), style: span.style, isFound: true });
    }
    if (at < end) found.push({ text: span.text.slice(at - start), style: span.style, isFound: false });
    start = end;
  }
  return found;
}

function looks(style: Style): { className?: string; style?: CSSProperties } {
  const names: string[] = [];
  const own: CSSProperties = {};
  const [fg, bg] = style.inverse ? [style.bg ?? "inverse", style.fg ?? "inverse"] : [style.fg, style.bg];
  const isOwnGround = typeof bg === "string" && bg !== "inverse";
  if (isOwnGround) own.backgroundColor = bg;
  else if (bg !== undefined) names.push(`bg-${bg}`);
  // Only on a ground of the theme is it known how a colour can be read.
  if (isOwnGround) own.color = isLight(bg) ? "#17222a" : "#ffffff";
  else if (typeof fg === "string" && fg !== "inverse") own.color = readable(fg);
  else if (fg !== undefined) names.push(`fg-${fg}`);
  for (const name of ["bold", "dim", "italic", "underline", "strike"] as const) {
    if (style[name]) names.push(`is-${name}`);
  }
  return {
    ...(names.length ? { className: names.join(" ") } : {}),
    ...(Object.keys(own).length ? { style: own } : {}),
  };
}

/** The hue that was asked for, dark enough in the light theme and light enough in the dark one. */
function readable(colour: string): string {
  const as = (lightness: string) => `oklch(from ${colour} ${lightness} c h)`;
  return `light-dark(${as("min(l, 0.5)")}, ${as("max(l, 0.78)")})`;
}

function isLight(colour: string): boolean {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16));
  return 0.2126 * (red / 255) ** 2.2 + 0.7152 * (green / 255) ** 2.2 + 0.0722 * (blue / 255) ** 2.2 > 0.2;
}
