import { useState } from "react";
import { more } from "../../api/pages";
import { useRead } from "../../api/queries";
import { useSearchLists } from "../../app/address";
import { useSettings } from "../../app/settings";
import { Empty, Failure } from "../../parts/Query";
import { Table } from "../../parts/Table";
import { Chain } from "./Chain";
import { columns } from "./columns";
import { EventDialog } from "./EventDialog";
import { Filters } from "./Filters";
import { filterOf } from "./filter";
import { useAudit } from "./useAudit";
import "./audit.css";

/** The event log: who did what, when, and the chain that holds it together. */
export default function Audit() {
  const { namespace } = useSettings();
  const [params, write] = useSearchLists();
  const [isPaused, pause] = useState(false);
  const me = useRead("AccessService/WhoAmI", {});
  const mayAll = me.data?.roles.some((role) => role.namespace === "*") ?? true;
  const isAll = mayAll && params.get("in") !== "namespace";
  const { pages, rows, held } = useAudit(filterOf(params, isAll ? "" : namespace), isPaused);
  const set = (name: string, values: string[]) => write(name, values, name === "event");
  return (
    <>
      <div className="head">
        <h1>Audit log</h1>
        <div className="actions">
          <button type="button" aria-pressed={isPaused} onClick={() => pause(!isPaused)}>
            {isPaused ? `Go on${held ? ` (${held} new)` : ""}` : "Hold still"}
          </button>
        </div>
      </div>
      <Chain />
      <Filters params={params} set={set} namespace={namespace} mayAll={mayAll} />
      {pages.error && <Failure error={pages.error} again={() => void pages.refetch()} />}
      {pages.isPending && <p className="loading">{pages.failureReason?.message ?? "Loading…"}</p>}
      {pages.data && !rows.length && !pages.hasNextPage && <Empty>No event is like this.</Empty>}
      {pages.data && !rows.length && pages.hasNextPage && (
        <Empty>
          None among the newest.{" "}
          <button type="button" disabled={pages.isFetching} onClick={() => more(pages)}>
            Look further back
          </button>
        </Empty>
      )}
      {rows.length > 0 && (
        <Table
          label="Events"
          rows={rows}
          columns={columns(set)}
          keyOf={(event) => String(event.position)}
          onEnd={() => more(pages)}
        />
      )}
      {params.get("event") && (
        <EventDialog position={Number(params.get("event"))} onClose={() => set("event", [])} />
      )}
    </>
  );
}
