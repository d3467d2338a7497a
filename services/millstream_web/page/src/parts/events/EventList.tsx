import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef } from "react";
import { useSettings } from "../../app/settings";
import type { LiveEvent } from "../../live/fold";
import { instanceKey } from "../gantt/bars";
import { instant } from "../time";
import "./events.css";
import { colourOf, summaryOf } from "./kinds";

const ROW_PX = 30;

/** Events, one a row; the chosen one is scrolled to. The arrows choose the next and the one before. */
export function EventList({
  events,
  chosen,
  onChoose,
  hasTask = true,
}: {
  events: readonly LiveEvent[];
  /** A place in `events`; -1: none. */
  chosen: number;
  onChoose: (index: number) => void;
  hasTask?: boolean;
}) {
  const { zone } = useSettings();
  const box = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: events.length,
    getScrollElement: () => box.current,
    estimateSize: () => ROW_PX,
    overscan: 10,
    initialRect: { width: 600, height: 500 },
  });
  useEffect(() => {
    if (chosen >= 0) virtual.scrollToIndex(chosen, { align: "auto" });
  }, [chosen]);
  return (
    <div
      className="event-list"
      ref={box}
      role="listbox"
      aria-label="Events"
      aria-activedescendant={chosen >= 0 ? `event-${chosen}` : undefined}
      tabIndex={0}
      onKeyDown={(event) => {
        const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 15, PageUp: -15 }[event.key];
        if (!step || !events.length) return;
        event.preventDefault();
        onChoose(Math.max(0, Math.min(events.length - 1, chosen + step)));
      }}
    >
      <div style={{ height: virtual.getTotalSize(), position: "relative" }} role="presentation">
        {virtual.getVirtualItems().map((item) => {
          const event = events[item.index];
          if (!event) return null;
          return (
            <div
              key={event.position}
              id={`event-${item.index}`}
              role="option"
              aria-selected={item.index === chosen}
              className="event"
              style={{ transform: `translateY(${item.start}px)`, height: ROW_PX }}
              onClick={() => onChoose(item.index)}
            >
              <span className={`dot ${colourOf(event)}`} aria-hidden="true" />
              <span className="when number">{instant(event.recordedAt ?? 0, zone).slice(11)}</span>
              <span className="type">{event.type}</span>
              {hasTask && event.taskId && <span className="task">{instanceKey(event.taskId, event.mapIndex)}</span>}
              {event.attempt > 0 && <span className="faint">#{event.attempt}</span>}
              <span className="faint summary">{summaryOf(event)}</span>
            </div>
          );
        })}
      </div>
    </div>
  );
}
