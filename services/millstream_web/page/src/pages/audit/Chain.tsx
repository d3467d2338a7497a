import { useState } from "react";
import { useRead } from "../../api/queries";
import { useEvents } from "../../live/hooks";
import { Copy } from "../../parts/Copy";
import { Query } from "../../parts/Query";
import { Time } from "../../parts/Time";

interface Head {
  position: number;
  digest: string;
  recordedAt: string | undefined;
}

const EXPORT = "millstream audit export log.jsonl";
const VERIFY = "millstream audit verify log.jsonl";

/** The end of the chain of digests, as it grows. Who keeps it elsewhere can tell later that nothing was changed. */
export function Chain() {
  const read = useRead("EventService/GetHead", {}, { staleTime: 0 });
  const [live, setLive] = useState<Head>();
  useEvents((events) => {
    const last = events.at(-1);
    if (last) setLive({ position: last.position, digest: last.digest, recordedAt: last.recordedAt });
  });
  return (
    <section className="sheet chain">
      <Query of={read}>
        {(answer) => {
          const first = { ...answer, position: Number(answer.position), recordedAt: answer.recordedAt };
          const head = live && live.position > first.position ? live : first;
          return (
            <dl className="facts">
              <dt>End of the chain</dt>
              <dd>
                event {head.position}, <Time at={head.recordedAt} />
              </dd>
              <dt>Its digest</dt>
              <dd>
                <code>{head.digest}</code> <Copy text={`${head.position}:${head.digest}`} what="position and digest" />
                <div className="faint">
                  Each digest is SHA-256 over the one before and the event. Kept elsewhere, this one shows later
                  that nothing up to here was changed.
                </div>
              </dd>
              <dt>Export</dt>
              <dd>
                <code>{EXPORT}</code> <Copy text={EXPORT} what="the command for the export" />{" "}
                <code>{VERIFY}</code> <Copy text={VERIFY} what="the command that verifies it" />
              </dd>
            </dl>
          );
        }}
      </Query>
    </section>
  );
}
