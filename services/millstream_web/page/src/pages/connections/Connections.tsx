import { useState } from "react";
import { pagesKey, usePages } from "../../api/pages";
import type { Connection } from "../../api/types";
import { useSettings } from "../../app/settings";
import { useRefreshed } from "../../live/hooks";
import { Confirm } from "../../parts/Confirm";
import { ListPage } from "../../parts/ListPage";
import type { Column } from "../../parts/Table";
import { Ago } from "../../parts/Time";
import { useAct } from "../../parts/useAct";
import { useTypedParam } from "../../parts/useTypedParam";
import { EditConnection } from "./EditConnection";

const METHOD = "ConnectionService/ListConnections";

export default function Connections() {
  const { namespace } = useSettings();
  const { asked, ...search } = useTypedParam("search");
  const [edited, edit] = useState<Connection | "new">();
  const [deleted, remove] = useState<Connection>();
  const request = { namespace, search: asked };
  const pages = usePages(METHOD, request);
  useRefreshed(pagesKey(METHOD, request), (event) => event.type.startsWith("Connection"));
  return (
    <>
      <ListPage
        title="Connections"
        search={search}
        intro="How to reach other systems. All of it is kept encrypted and stands in no event. Passwords are write-only: they can be replaced, and only tasks read them."
        actions={
          <button type="button" className="main" onClick={() => edit("new")}>
            New connection
          </button>
        }
        pages={pages}
        rowsOf={(answer) => answer.connections}
        columns={columns(edit, remove)}
        keyOf={(connection) => connection.connId}
        nothing="There are no connections."
      />
      {edited && <EditConnection namespace={namespace} connection={edited} onClose={() => edit(undefined)} />}
      {deleted && <DeleteConnection connection={deleted} onClose={() => remove(undefined)} />}
    </>
  );
}

type Take = (connection: Connection) => void;

function columns(edit: Take, remove: Take): Column<Connection>[] {
  return [
    { name: "Connection id", cell: (connection) => <code className="name">{connection.connId}</code> },
    { name: "Description", isExtra: true, cell: (connection) => connection.description },
    { name: "Version", isNumber: true, isExtra: true, width: "5rem", cell: (connection) => connection.version },
    { name: "Changed", isExtra: true, width: "9rem", cell: (connection) => <Ago at={connection.updatedAt} /> },
    {
      name: "Actions",
      cell: (connection) => (
        <div className="row-actions">
          <button type="button" onClick={() => edit(connection)} aria-label={`Look at or replace ${connection.connId}`}>
            Look at or replace
          </button>
          <button
            type="button"
            className="danger"
            onClick={() => remove(connection)}
            aria-label={`Delete ${connection.connId}`}
          >
            Delete
          </button>
        </div>
      ),
    },
  ];
}

function DeleteConnection({ connection, onClose }: { connection: Connection; onClose: () => void }) {
  const { namespace, connId } = connection;
  const act = useAct("ConnectionService/DeleteConnection", {
    refreshed: [METHOD],
    words: () => `Connection ${connId} is deleted`,
  });
  return (
    <Confirm
      title={`Delete connection ${connId}?`}
      action="Delete"
      isPending={act.isPending}
      onClose={onClose}
      onConfirm={() => act.mutate({ namespace, connId }, { onSettled: onClose })}
    >
      <p>All that it consists of is gone for good. Tasks that need it fail.</p>
    </Confirm>
  );
}
