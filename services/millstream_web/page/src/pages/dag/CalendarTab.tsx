import { useMemo } from "react";
import { useRead } from "../../api/queries";
import type { RunDay } from "../../api/types";
import { useSearchParam } from "../../app/address";
import { useSettings } from "../../app/settings";
import { useRefreshed } from "../../live/hooks";
import { Failure } from "../../parts/Query";
import { Time } from "../../parts/Time";
import { instant } from "../../parts/time";
import { dayBounds, yearBounds, zoneName } from "./calendar";
import { RunTable } from "./RunTable";
import type { TabProps } from "./tab";
import { useRuns } from "./useRuns";
import { Year } from "./Year";

/** A year of days, each with what became of its runs. */
export default function CalendarTab({ dag }: TabProps) {
  const { namespace, dagId, nextRun } = dag;
  const { zone } = useSettings();
  const [yearText = "", setYear] = useSearchParam("year");
  const [day, setDay] = useSearchParam("day");
  const year = Number(yearText) || new Date().getFullYear();
  const counted = useRead(
    "RunService/CountRuns",
    { namespace, dagId, ...yearBounds(year, zone), timeZone: zoneName(zone) },
    { keep: true },
  );
  useRefreshed(
    ["RunService/CountRuns"],
    (event) => event.dagId === dagId && event.type.startsWith("Run"),
  );
  const days = useMemo(() => byDate(counted.data?.days ?? []), [counted.data]);
  const next = nextRun?.logicalDate ?? nextRun?.runAfter;
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
        {nextRun && (
          <span>
            Next run <Time at={next} />
          </span>
        )}
      </div>
      {counted.error && <Failure error={counted.error} again={() => void counted.refetch()} />}
      <Year
        year={year}
        days={days}
        next={next && instant(next, zone).slice(0, 10)}
        chosen={day}
        onChoose={setDay}
      />
      {day && <OfDay key={day} namespace={namespace} dagId={dagId} day={day} />}
    </>
  );
}

function OfDay({ namespace, dagId, day }: { namespace: string; dagId: string; day: string }) {
  const { zone } = useSettings();
  const { runs, error, isLoading, more, again } = useRuns({
    namespace,
    dagId,
    pageSize: 200,
    ...dayBounds(day, zone),
  });
  return (
    <section>
      <h2>{day}</h2>
      {error && <Failure error={error} again={again} />}
      {!isLoading && !error && !runs.length && (
        <p className="faint">There are no runs of this day.</p>
      )}
      {runs.length > 0 && <RunTable label={`Runs of ${day}`} runs={runs} onEnd={more} />}
    </section>
  );
}

function byDate(days: readonly RunDay[]): ReadonlyMap<string, RunDay["counts"]> {
  return new Map(days.map(({ date, counts }) => [date, counts]));
}
