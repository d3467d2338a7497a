import { type KeyboardEvent, memo, useEffect, useMemo, useRef, useState } from "react";
import type { RunStateCount } from "../../api/types";
import { lookOf } from "../../parts/states";
import { type Day, daysOf, monthsOf, sumOfDay } from "./calendar";

const WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const STEPS: Record<string, number> = { ArrowUp: -1, ArrowDown: 1, ArrowLeft: -7, ArrowRight: 7 };

/** The days of a year, a column for each week. The arrow keys go from day to day, Enter chooses. */
export function Year({
  year,
  days,
  next,
  chosen,
  onChoose,
}: {
  year: number;
  days: ReadonlyMap<string, readonly RunStateCount[]>;
  /** The day of the next run. */
  next: string | undefined;
  chosen: string | undefined;
  onChoose: (date: string) => void;
}) {
  const all = useMemo(() => daysOf(year), [year]);
  const rows = WEEKDAYS.map((_, weekday) => all.filter((day) => day.weekday === weekday));
  const [at, setAt] = useState(chosen ?? next ?? today());
  const active = all.some((day) => day.date === at) ? at : (all[0]?.date ?? "");
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => bringIntoView(box.current, active), [active]);
  const onKeyDown = (event: KeyboardEvent): void => {
    const step = STEPS[event.key];
    if (step !== undefined) {
      const index = all.findIndex((day) => day.date === active);
      setAt(all[Math.min(all.length - 1, Math.max(0, index + step))]?.date ?? active);
    } else if (event.key === "Enter" || event.key === " ") {
      onChoose(active);
    } else {
      return;
    }
    event.preventDefault();
  };
  return (
    <div className="year" ref={box}>
      <div
        role="grid"
        className="year-grid"
        aria-label={`Days of ${year}`}
        aria-activedescendant={`day-${active}`}
        tabIndex={0}
        onKeyDown={onKeyDown}
      >
        <div className="year-months" aria-hidden="true">
          {monthsOf(all).map(({ name, week }) => (
            <span key={name} style={{ gridColumn: week + 2 }}>
              {name}
            </span>
          ))}
        </div>
        {rows.map((row, weekday) => (
          <div role="row" className="year-row" key={WEEKDAYS[weekday]}>
            <span role="rowheader" className="faint">
              {WEEKDAYS[weekday]}
            </span>
            {row.map((day) => (
              <DayCell
                key={day.date}
                day={day}
                counts={days.get(day.date)}
                isNext={day.date === next}
                isChosen={day.date === chosen}
                isActive={day.date === active}
                onChoose={onChoose}
              />
            ))}
          </div>
        ))}
      </div>
    </div>
  );
}

const today = (): string => new Date().toISOString().slice(0, 10);

/** Sideways only: the page itself stays where it is. */
function bringIntoView(box: HTMLElement | null, date: string): void {
  const day = box?.querySelector<HTMLElement>(`#day-${date}`);
  if (!box || !day) return;
  const isSeen =
    day.offsetLeft >= box.scrollLeft && day.offsetLeft < box.scrollLeft + box.clientWidth - 40;
  if (!isSeen) box.scrollLeft = day.offsetLeft - box.clientWidth / 2;
}

const DayCell = memo(function DayCell({
  day: { date, week },
  counts,
  isNext,
  isChosen,
  isActive,
  onChoose,
}: {
  day: Day;
  counts: readonly RunStateCount[] | undefined;
  isNext: boolean;
  isChosen: boolean;
  isActive: boolean;
  onChoose: (date: string) => void;
}) {
  const sum = counts && sumOfDay(counts);
  const look = sum && lookOf(sum.state);
  const told = counts?.map(({ state, count }) => `${count} ${lookOf(state).word}`).join(", ");
  const words = `${date}: ${told ?? "no runs"}${isNext ? ", the next run" : ""}`;
  const marks = [look && `state-${look.name}`, isNext && "is-next", isActive && "is-active"];
  return (
    <span
      role="gridcell"
      id={`day-${date}`}
      aria-label={words}
      aria-selected={isChosen}
      title={words}
      className={["day", ...marks.filter(Boolean)].join(" ")}
      style={{ gridColumn: week + 2 }}
      onClick={() => onChoose(date)}
    >
      {look && (
        <>
          <span aria-hidden="true">{look.sign}</span>
          <span aria-hidden="true">{sum?.count}</span>
        </>
      )}
      {!look && isNext && <span aria-hidden="true">◷</span>}
    </span>
  );
});
