import { Link } from "wouter";
import { useRead } from "../../api/queries";
import { type LiveEvent, read } from "../../live/fold";
import { subjectOf, wordsOf } from "../../live/words";
import { Copy } from "../../parts/Copy";
import { Dialog } from "../../parts/Dialog";
import { Empty, Query } from "../../parts/Query";
import { Time } from "../../parts/Time";

/** All of one event. */
export function EventDialog({ position, onClose }: { position: number; onClose: () => void }) {
  const found = useRead("EventService/ListEvents", { fromPosition: position, pageSize: 1 });
  return (
    <Dialog title={`Event ${position}`} onClose={onClose}>
      <Query of={found}>
        {({ events }) => {
          const event = events[0];
          if (!event || Number(event.position) !== position) return <Empty>There is no such event.</Empty>;
          return <Facts event={read(event)} />;
        }}
      </Query>
    </Dialog>
  );
}

function Facts({ event }: { event: LiveEvent }) {
  const subject = subjectOf(event);
  return (
    <>
      <p>
        {subject && <Link href={subject.to}>{subject.name}</Link>} {wordsOf(event)}
      </p>
      <dl className="facts">
        <dt>Type</dt>
        <dd>{event.type}</dd>
        <dt>Recorded</dt>
        <dd>
          <Time at={event.recordedAt} />
        </dd>
        <dt>Actor</dt>
        <dd>{event.actor}</dd>
        <dt>Caused by</dt>
        <dd>
          <code>{event.causation}</code>
        </dd>
        {event.namespace && (
          <>
            <dt>Namespace</dt>
            <dd>{event.namespace}</dd>
          </>
        )}
        {event.attempt > 0 && (
          <>
            <dt>Attempt</dt>
            <dd>{event.attempt}</dd>
          </>
        )}
        <dt>Digest</dt>
        <dd>
          <code>{event.digest}</code> <Copy text={`${event.position}:${event.digest}`} what="position and digest" />
        </dd>
      </dl>
      <h3>Data</h3>
      <pre className="data" tabIndex={0}>
        {JSON.stringify(event.data, null, 2)}
      </pre>
    </>
  );
}
