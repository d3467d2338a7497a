import { useMemo } from "react";
import { useSettings } from "../../app/settings";
import type { TaskInstance } from "../../api/types";
import { isAbout } from "../../live/instance";
import { EventsView } from "../../parts/events/EventsView";
import { useEventsOf } from "../../parts/events/useEventsOf";

/** What the log says of this instance. */
export function EventsTab({ task }: { task: TaskInstance }) {
  const { namespace } = useSettings();
  const { dagId, runId, taskId } = task;
  const { store, again } = useEventsOf({ namespace, dagId, runId, taskId });
  const path = task.mapIndex.join(",");
  const mine = useMemo(
    // What is about the task as a whole, such as its expansion, is about each instance.
    () => store.events.filter((event) => !event.mapIndex.length || isAbout(event, task)),
    [store.events, path],
  );
  return <EventsView store={store} events={mine} again={again} />;
}
