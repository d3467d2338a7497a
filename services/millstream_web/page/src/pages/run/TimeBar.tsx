import { type PointerEvent, useMemo, useRef, useState } from "react";
import { useSettings } from "../../app/settings";
import type { LiveEvent } from "../../live/fold";
import { instanceKey } from "../../parts/gantt/bars";
import { duration, instant } from "../../parts/time";
import { Player } from "./Player";
import { timeScale } from "./scale";
import { TickCanvas } from "./TickCanvas";
import "./timebar.css";

/**
 * All events of a run, each a tick. Dragged, clicked, or moved with the arrows, it says as of which
 * event the run is shown; at its end, as it is now.
 */
export function TimeBar({
  events,
  times,
  index,
  isLive,
  choose,
}: {
  events: readonly LiveEvent[];
  /** When they were recorded, in milliseconds; those of further events may follow. */
  times: readonly number[];
  index: number;
  isLive: boolean;
  /** With the place of an event; undefined: now. */
  choose: (index: number | undefined) => void;
}) {
  const scale = useMemo(() => timeScale(times.slice(0, events.length)), [events, times]);
  const track = useRef<HTMLDivElement>(null);
  const [hovered, setHovered] = useState(-1);
  const last = events.length - 1;
  const to = (next: number) => choose(next >= last ? undefined : Math.max(0, next));
  const under = (event: PointerEvent) => {
    const rect = track.current?.getBoundingClientRect();
    return rect?.width ? scale.at((event.clientX - rect.left) / rect.width) : index;
  };
  const steps: Record<string, number> = {
    ArrowLeft: index - 1,
    ArrowDown: index - 1,
    ArrowRight: index + 1,
    ArrowUp: index + 1,
    PageDown: index - 20,
    PageUp: index + 20,
    Home: 0,
    End: last,
  };
  const share = isLive ? 1 : scale.of(index);
  return (
    <section className="timebar" aria-label="Time">
      <div
        ref={track}
        className="track"
        role="slider"
        tabIndex={0}
        aria-label="Event"
        aria-valuemin={1}
        aria-valuemax={events.length}
        aria-valuenow={index + 1}
        aria-valuetext={isLive ? "now" : said(events[index])}
        onKeyDown={(event) => {
          const next = steps[event.key];
          if (next === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
          event.preventDefault();
          to(next);
        }}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          to(under(event));
        }}
        onPointerMove={(event) => {
          const at = under(event);
          setHovered(at);
          if (event.currentTarget.hasPointerCapture(event.pointerId) && at !== index) to(at);
        }}
        onPointerLeave={() => setHovered(-1)}
      >
        <TickCanvas events={events} scale={scale} />
        {scale.gaps.map((gap) => (
          <span
            key={gap.from}
            className="gap"
            style={{ left: `${((gap.from + gap.to) / 2) * 100}%` }}
            title={`${duration(gap.ms)} without an event`}
          />
        ))}
        <span className="future" style={{ left: `${share * 100}%` }} />
        <span className="needle" style={{ left: `${share * 100}%` }} />
      </div>
      <div className="under">
        <Player index={index} last={last} isLive={isLive} to={to} />
        <Caption event={events[hovered >= 0 ? hovered : index]} place={hovered >= 0 ? hovered : index} count={events.length} />
        <button type="button" className="live" aria-pressed={isLive} onClick={() => choose(undefined)}>
          Now
        </button>
      </div>
    </section>
  );
}

function Caption({ event, place, count }: { event: LiveEvent | undefined; place: number; count: number }) {
  const { zone } = useSettings();
  if (!event) return <span className="faint">before the first event</span>;
  return (
    <span className="caption">
      <span className="number">
        {(place + 1).toLocaleString("en")} of {count.toLocaleString("en")}
      </span>{" "}
      <span className="number">{instant(event.recordedAt ?? 0, zone)}</span> <strong>{event.type}</strong>{" "}
      {event.taskId && instanceKey(event.taskId, event.mapIndex)}
    </span>
  );
}

function said(event: LiveEvent | undefined): string {
  if (!event) return "before the first event";
  return `${event.type} ${event.taskId && instanceKey(event.taskId, event.mapIndex)} ${instant(event.recordedAt ?? 0)}`;
}
