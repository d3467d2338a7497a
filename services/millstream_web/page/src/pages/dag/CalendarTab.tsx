import { useEffect, useMemo } from "react";
import { useSearchParam } from "../../app/address";
import { useSettings } from "../../app/settings";
import { Failure } from "../../parts/Query";
import { Time } from "../../parts/Time";
import { instant } from "../../parts/time";
import { byDay } from "./calendar";
import { RunTable } from "./RunTable";
import type { TabProps } from "./tab";
import { useRuns } from "./useRuns";
import { Year } from "./Year";

const PAGE = 1000;
const DAY_MS = 86_400_000;

/** A year of days, each with what became of its runs. */
export default function CalendarTab({ dag }: TabProps) {
  const { namespace, dagId, nextRun } = dag;
  const { zone } = useSettings();
  const [yearText = "", setYear] = useSearchParam("year");
  const [day, setDay] = useSearchParam("day");
  const year = Number(yearText) || new Date().getFullYear();
  const request = useMemo(
    () => ({
      namespace,
      dagId,
      pageSize: PAGE,
      // A day more on both sides: the year of the reader is not that of UTC.
      logicalFrom: new Date(Date.UTC(year, 0, 1) - DAY_MS).toISOString(),
      logicalUntil: new Date(Date.UTC(year + 1, 0, 1) + DAY_MS).toISOString(),
    }),
    [namespace, dagId, year],
  );
  const { runs, error, hasMore, more, again } = useRuns(request);
  useEffect(more);
  const days = useMemo(() => byDay(runs, zone), [runs, zone]);
  const next = nextRun?.logicalDate ?? nextRun?.runAfter;
  const shown = day === undefined ? undefined : (days.get(day) ?? []);
  return (
    <>
      <div className="filters">
        <button type="button" onClick={() => setYear(String(year - 1))}>
          ← {year - 1}
        </button>
        <strong>{year}</strong>
        <button type="button" onClick={() => setYear(String(year + 1))}>
          {year + 1} →
        </button>
        <span className="faint" role="status">
          {hasMore ? `${runs.length} runs so far…` : `${runs.length} runs`}
        </span>
        {nextRun && (
          <span>
            Next run <Time at={next} />
          </span>
        )}
      </div>
      {error && <Failure error={error} again={again} />}
      <Year
        year={year}
        days={days}
        next={next && instant(next, zone).slice(0, 10)}
        chosen={day}
        onChoose={setDay}
      />
      {shown && (
        <section aria-label={`Runs of ${day}`}>
          <h2>{day}</h2>
          {shown.length ? (
            <RunTable label={`Runs of ${day}`} runs={shown} />
          ) : (
            <p className="faint">There are no runs of this day.</p>
          )}
        </section>
      )}
    </>
  );
}
