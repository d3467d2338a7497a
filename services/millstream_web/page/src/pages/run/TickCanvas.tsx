import { useEffect, useRef, useState } from "react";
import { useSettings } from "../../app/settings";
import type { LiveEvent } from "../../live/fold";
import { colourOf } from "../../parts/events/kinds";
import type { Scale } from "./scale";

// Where several events share a pixel the first of these is seen.
const RANK = ["state-failed", "state-upstream", "state-input", "state-retry", "state-skipped", "state-success"];
const HEIGHT = 44;

/** The ticks, drawn at once: fifty thousand elements would be too many. */
export function TickCanvas({ events, scale }: { events: readonly LiveEvent[]; scale: Scale }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const probe = useRef<HTMLSpanElement>(null);
  const { theme } = useSettings();
  const width = useWidth(canvas);
  const isDark = useDark();
  useEffect(() => {
    const frame = requestAnimationFrame(() => {
      if (canvas.current && probe.current) draw(canvas.current, probe.current, events, scale, width);
    });
    return () => cancelAnimationFrame(frame);
  }, [events, scale, width, theme, isDark]);
  return (
    <>
      <canvas ref={canvas} aria-hidden="true" />
      <span ref={probe} hidden />
    </>
  );
}

function draw(
  canvas: HTMLCanvasElement,
  probe: HTMLElement,
  events: readonly LiveEvent[],
  scale: Scale,
  width: number,
): void {
  const context = canvas.getContext("2d");
  if (!context) return;
  const ratio = devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(HEIGHT * ratio);
  context.scale(ratio, ratio);
  const seen = new Map<number, string>();
  for (const [at, event] of events.entries()) {
    const x = Math.round(scale.of(at) * (width - 2));
    const name = colourOf(event);
    const before = seen.get(x);
    if (before === undefined || rank(name) < rank(before)) seen.set(x, name);
  }
  const colours = new Map<string, string>();
  for (const [x, name] of seen) {
    let colour = colours.get(name);
    if (!colour) {
      probe.className = name;
      colours.set(name, (colour = getComputedStyle(probe).color));
    }
    context.fillStyle = colour;
    const tall = rank(name) < RANK.length ? HEIGHT - 8 : HEIGHT / 2;
    context.fillRect(x, HEIGHT - tall, 2, tall);
  }
}

function rank(name: string): number {
  const at = RANK.indexOf(name);
  return at < 0 ? RANK.length : at;
}

function useWidth(of: React.RefObject<HTMLElement | null>): number {
  const [width, setWidth] = useState(800);
  useEffect(() => {
    const element = of.current;
    if (!element || typeof ResizeObserver === "undefined") return;
    const observer = new ResizeObserver(() => setWidth(element.clientWidth || 800));
    observer.observe(element);
    return () => observer.disconnect();
  }, [of]);
  return width;
}

function useDark(): boolean {
  const [isDark, setDark] = useState(() => matchMedia("(prefers-color-scheme: dark)").matches);
  useEffect(() => {
    const query = matchMedia("(prefers-color-scheme: dark)");
    const look = () => setDark(query.matches);
    query.addEventListener("change", look);
    return () => query.removeEventListener("change", look);
  }, []);
  return isDark;
}
