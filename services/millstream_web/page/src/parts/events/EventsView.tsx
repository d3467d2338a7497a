import { useState } from "react";
import type { LiveEvent } from "../../live/fold";
import { Empty, Failure } from "../Query";
import { EventDetail } from "./EventDetail";
import { EventList } from "./EventList";
import type { EventStore } from "./store";

/** Events beside all that there is to the chosen one. */
export function EventsView({
  store,
  events,
  again,
}: {
  store: EventStore;
  events: readonly LiveEvent[];
  again: () => void;
}) {
  const [position, setPosition] = useState(-1);
  const chosen = events.findIndex((event) => event.position === position);
  const event = events[chosen];
  if (store.error) return <Failure error={store.error} again={again} />;
  if (!events.length) return <Empty>{store.state === "loading" ? "Loading…" : "There are no events."}</Empty>;
  return (
    <div className="events-split">
      <EventList
        events={events}
        chosen={chosen}
        onChoose={(index) => setPosition(events[index]?.position ?? -1)}
        hasTask={false}
      />
      {event ? <EventDetail event={event} /> : <Empty>Choose an event to see all of it.</Empty>}
    </div>
  );
}
