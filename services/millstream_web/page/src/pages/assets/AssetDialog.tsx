import { Link } from "wouter";
import { more, pagesKey, usePages } from "../../api/pages";
import type { AssetEvent } from "../../api/types";
import { paths } from "../../app/paths";
import { useRefreshed } from "../../live/hooks";
import { Dialog } from "../../parts/Dialog";
import { Empty, Query } from "../../parts/Query";
import { Ago } from "../../parts/Time";

const METHOD = "AssetService/ListAssetEvents";

/** The updates of an asset, the latest first. */
export function AssetDialog({ namespace, name, onClose }: { namespace: string; name: string; onClose: () => void }) {
  const request = { namespace, name, pageSize: 50 };
  const pages = usePages(METHOD, request, { staleTime: 0 });
  useRefreshed(pagesKey(METHOD, request), (event) => event.type === "AssetUpdated" && event.data.name === name);
  return (
    <Dialog title={name} onClose={onClose}>
      <p>
        <Link href={`/assets?view=graph&asset=${encodeURIComponent(name)}`}>In the graph</Link>
      </p>
      <h3>Updates</h3>
      <Query of={pages}>
        {(data) => {
          const events = data.pages.flatMap((page) => page.events);
          if (!events.length) return <Empty>It was never updated.</Empty>;
          return (
            <ul className="updates">
              {events.map((event) => (
                <Update key={event.position} event={event} />
              ))}
            </ul>
          );
        }}
      </Query>
      {pages.hasNextPage && (
        <button type="button" disabled={pages.isFetching} onClick={() => more(pages)}>
          Show more
        </button>
      )}
    </Dialog>
  );
}

function Update({ event }: { event: AssetEvent }) {
  const { extra } = event;
  return (
    <li>
      <Ago at={event.recordedAt} />{" "}
      {event.dagId ? (
        <>
          by <Link href={paths.task(event)}>{event.taskId}</Link> of{" "}
          <Link href={paths.run(event.dagId, event.runId)}>
            {event.dagId}, {event.runId}
          </Link>
        </>
      ) : (
        "from outside"
      )}
      {event.aliases.length > 0 && <span className="faint"> through {event.aliases.join(", ")}</span>}
      {extra && Object.keys(extra).length > 0 && <pre>{JSON.stringify(extra, null, 2)}</pre>}
    </li>
  );
}
