import { EventDetail } from "../../parts/events/EventDetail";
import { EventList } from "../../parts/events/EventList";
import type { RunHistory } from "./useRunHistory";

/** The events beside a view of the past, and what the last one of them says. */
export function Beside({ history, choose }: { history: RunHistory; choose: (index: number) => void }) {
  const event = history.events[history.index];
  return (
    <aside className="beside" aria-label="Events">
      <EventList events={history.events} chosen={history.index} onChoose={choose} />
      {event && <EventDetail event={event} />}
    </aside>
  );
}
