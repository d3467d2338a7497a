import { useEffect, useRef, useState } from "react";
import { Link } from "wouter";
import { useRead } from "../../api/queries";
import { useSettings } from "../../app/settings";
import { type LiveEvent, read, runStateAfter, taskStateAfter } from "../../live/fold";
import { useEvents } from "../../live/hooks";
import { subjectOf, wordsOf } from "../../live/words";
import { lookOf } from "../../parts/states";
import { Ago } from "../../parts/Time";
import { begun, MOST, ticked } from "./ticker";

/** More often than this nobody can read. */
const EVERY_MS = 100;

/** What happens, as it happens, in words. */
export function Ticker() {
  const { namespace } = useSettings();
  const [rows, setRows] = useState<readonly LiveEvent[]>([]);
  const [isPaused, pause] = useState(false);
  const waiting = useRef<LiveEvent[]>([]);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const isHeld = useRef(isPaused);
  isHeld.current = isPaused;
  const draw = () => {
    timer.current = undefined;
    if (isHeld.current) return;
    const events = waiting.current;
    waiting.current = [];
    setRows((rows) => ticked(rows, events, namespace));
  };
  const before = useRead(
    "EventService/ListEvents",
    { namespace, pageSize: MOST, orderBy: "position desc" },
    { staleTime: 0, gcTime: 0 },
  );
  useEffect(() => {
    if (before.data) setRows((rows) => begun(rows, before.data.events.map(read).reverse(), namespace));
  }, [before.data]);
  useEvents((events) => {
    waiting.current = [...waiting.current, ...events].slice(-1000);
    timer.current ??= setTimeout(draw, EVERY_MS);
  });
  useEffect(() => () => clearTimeout(timer.current), []);
  useEffect(() => {
    if (!isPaused) draw();
  }, [isPaused]);
  return (
    <section className="sheet ticker">
      <div className="head">
        <h2>What happens</h2>
        <div className="actions">
          <button type="button" aria-pressed={isPaused} onClick={() => pause(!isPaused)}>
            {isPaused ? "Go on" : "Hold still"}
          </button>
        </div>
      </div>
      {rows.length ? (
        <ol tabIndex={0} aria-label="The last events, the newest first">
          {rows.map((event) => (
            <Row key={event.position} event={event} />
          ))}
        </ol>
      ) : (
        <p className="faint">{before.isPending ? "Loading…" : "Nothing has happened yet."}</p>
      )}
    </section>
  );
}

function Row({ event }: { event: LiveEvent }) {
  const subject = subjectOf(event);
  const state = taskStateAfter(event) ?? runStateAfter(event);
  const look = state && lookOf(state);
  const words = wordsOf(event);
  return (
    <li title={`${subject?.name ?? ""} ${words}`}>
      <span className={look ? `state-${look.name}` : "faint"} aria-hidden="true">
        {look?.sign ?? "·"}
      </span>
      <span className="words">
        {subject && <Link href={subject.to}>{subject.short}</Link>} {words}
      </span>
      <span className="faint">
        <Ago at={event.recordedAt} />
      </span>
    </li>
  );
}
