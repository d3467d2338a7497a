import { Link } from "wouter";
import { paths } from "../../app/paths";
import type { LiveEvent } from "../../live/fold";
import { instanceKey } from "../gantt/bars";
import { JsonTree } from "../json/JsonTree";
import { Time } from "../Time";

/** All of an event: who caused it and with what, and its data. */
export function EventDetail({ event }: { event: LiveEvent }) {
  const { dagId, runId, taskId, mapIndex } = event;
  return (
    <section className="event-detail" aria-label={`Event ${event.position}`}>
      <h2>
        {event.type} <span className="faint number">{event.position}</span>
      </h2>
      <dl className="facts">
        <dt>Recorded</dt>
        <dd>
          <Time at={event.recordedAt} />
        </dd>
        {taskId && (
          <>
            <dt>Task</dt>
            <dd>
              <Link href={paths.task({ dagId, runId, taskId, mapIndex })}>{instanceKey(taskId, mapIndex)}</Link>
              {event.attempt > 0 && `, attempt ${event.attempt}`}
            </dd>
          </>
        )}
        <dt>Caused by</dt>
        <dd>{event.actor}</dd>
        <dt>Command</dt>
        <dd>
          <code>{event.causation || "none"}</code>
        </dd>
        <dt>Epoch</dt>
        <dd>{event.epoch}</dd>
        {event.trace && (
          <>
            <dt>Trace</dt>
            <dd>
              <code>{event.trace}</code>
            </dd>
          </>
        )}
        <dt>Digest</dt>
        <dd>
          <code>{event.digest}</code>
        </dd>
      </dl>
      <JsonTree value={event.data} level={2} label="Data of the event" />
    </section>
  );
}
