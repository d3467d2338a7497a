import { EventDetail } from "../../parts/events/EventDetail";
import { EventList } from "../../parts/events/EventList";
import { Empty } from "../../parts/Query";
import type { RunHistory } from "./useRunHistory";

/** All events of the run; the chosen one is the moment of the time bar. */
export function RunEvents({
  history,
  isLive,
  choose,
}: {
  history: RunHistory;
  isLive: boolean;
  choose: (index: number) => void;
}) {
  const event = isLive ? undefined : history.events[history.index];
  if (!history.events.length) return <Empty>{history.store.state === "loading" ? "Loading…" : "There are no events."}</Empty>;
  return (
    <div className="events-split">
      <EventList events={history.events} chosen={history.index} onChoose={choose} />
      {event ? <EventDetail event={event} /> : <Empty>Choose an event to see all of it.</Empty>}
    </div>
  );
}
