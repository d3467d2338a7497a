import { Link } from "wouter";
import type { LiveEvent } from "../../live/fold";
import { subjectOf, wordsOf } from "../../live/words";
import type { Column } from "../../parts/Table";
import { Time } from "../../parts/Time";

type Set = (name: string, values: string[]) => void;

/** What a row says of an event. */
export function columns(set: Set): Column<LiveEvent>[] {
  return [
    {
      name: "Position",
      isNumber: true,
      width: "5.5rem",
      cell: (event) => (
        <button
          type="button"
          className="plain position"
          title="All of it"
          onClick={() => set("event", [String(event.position)])}
        >
          {event.position}
        </button>
      ),
    },
    { name: "When", isExtra: true, width: "11.5rem", cell: (event) => <span className="when"><Time at={event.recordedAt} /></span> },
    { name: "What", cell: (event) => <What event={event} /> },
    { name: "Type", isExtra: true, width: "10rem", cell: (event) => event.type },
    {
      name: "Who",
      isExtra: true,
      width: "10rem",
      cell: (event) => (
        <button type="button" className="plain by" title="Only by them" onClick={() => set("actor", [event.actor])}>
          {event.actor}
        </button>
      ),
    },
  ];
}

function What({ event }: { event: LiveEvent }) {
  const subject = subjectOf(event);
  const words = wordsOf(event);
  return (
    <div className="what" title={`${subject?.name ?? ""} ${words}`}>
      {subject && (
        <>
          <span className="extra">
            <Link href={subject.to}>{subject.name}</Link>
            {subject.of && <span className="faint"> of {subject.of}</span>}
          </span>
          <Link href={subject.to} className="narrow">
            {subject.short}
          </Link>{" "}
        </>
      )}
      {words}
    </div>
  );
}
