import { Link } from "wouter";
import { paths } from "../../app/paths";
import type { BackfillDate } from "../../api/types";
import { Empty } from "../../parts/Query";
import { type Column, Table } from "../../parts/Table";
import { Time } from "../../parts/Time";
import { fateOf, summary } from "./request";

const SAID = { made: "gets a run", again: "its run runs again", left: "gets none" };

/** The runs that a backfill would make. */
export function Preview({
  dagId,
  dates,
  isCreating,
  onCreate,
}: {
  dagId: string;
  dates: BackfillDate[] | undefined;
  isCreating: boolean;
  onCreate: () => void;
}) {
  const columns: Column<BackfillDate>[] = [
    { name: "Logical date", cell: (date) => <Time at={date.times?.logicalDate ?? date.times?.runAfter} /> },
    {
      name: "Data interval",
      isExtra: true,
      cell: ({ times }) =>
        times?.intervalStart && (
          <>
            <Time at={times.intervalStart} /> – <Time at={times.intervalEnd} />
          </>
        ),
    },
    { name: "What becomes of it", cell: (date) => <Fate date={date} dagId={dagId} /> },
  ];
  if (!dates) {
    return (
      <section className="sheet">
        <h2>Preview</h2>
        <Empty>The runs that the backfill would make are shown here before anything is done.</Empty>
      </section>
    );
  }
  const { made, again, left } = summary(dates);
  return (
    <section className="sheet preview">
      <h2>Preview</h2>
      <p role="status">
        {made} new runs, {again} that run again, {left} dates that get none.
      </p>
      {dates.length > 0 && (
        <Table label="Dates" rows={dates} columns={columns} keyOf={keyOf} />
      )}
      <div className="actions">
        <button type="button" className="main" disabled={isCreating || made + again === 0} onClick={onCreate}>
          {isCreating ? "Making it…" : "Make the backfill"}
        </button>
      </div>
    </section>
  );
}

function keyOf(date: BackfillDate): string {
  return `${date.times?.logicalDate ?? ""} ${date.times?.runAfter ?? ""}`;
}

function Fate({ date, dagId }: { date: BackfillDate; dagId: string }) {
  return (
    <>
      {date.reason ? date.reason : SAID[fateOf(date)]}{" "}
      {date.runId && <Link href={paths.run(dagId, date.runId)}>{date.runId}</Link>}
    </>
  );
}
