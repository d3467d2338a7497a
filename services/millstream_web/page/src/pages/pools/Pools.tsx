import { useState } from "react";
import { Link } from "wouter";
import { pagesKey, usePages } from "../../api/pages";
import type { Pool } from "../../api/types";
import { paths } from "../../app/paths";
import { useSettings } from "../../app/settings";
import type { LiveEvent } from "../../live/fold";
import { useRefreshed } from "../../live/hooks";
import { Confirm } from "../../parts/Confirm";
import { ListPage } from "../../parts/ListPage";
import { Meter } from "../../parts/Meter";
import type { Column } from "../../parts/Table";
import { useAct } from "../../parts/useAct";
import { useTypedParam } from "../../parts/useTypedParam";
import { EditPool } from "./EditPool";

const METHOD = "PoolService/ListPools";
/** It is always there. */
const DEFAULT_POOL = "default_pool";

export default function Pools() {
  const { namespace } = useSettings();
  const { asked, ...search } = useTypedParam("search");
  const [edited, edit] = useState<Pool | "new">();
  const [deleted, remove] = useState<Pool>();
  const request = { namespace, search: asked };
  const pages = usePages(METHOD, request);
  const isAbout = (event: LiveEvent) =>
    event.namespace === namespace && (event.type.startsWith("Pool") || event.type.startsWith("Task"));
  useRefreshed(pagesKey(METHOD, request), isAbout, 1000);
  return (
    <>
      <ListPage
        title="Pools"
        search={search}
        intro={
          <>
            How many tasks may be queued or running at a time, whatever DAG they belong to. What runs where
            is on <Link href={paths.workers()}>the page of the workers</Link>.
          </>
        }
        actions={
          <button type="button" className="main" onClick={() => edit("new")}>
            New pool
          </button>
        }
        pages={pages}
        rowsOf={(answer) => answer.pools}
        columns={columns(edit, remove)}
        keyOf={(pool) => pool.name}
        rowHeight={56}
        nothing="There are no pools."
      />
      {edited && <EditPool namespace={namespace} pool={edited} onClose={() => edit(undefined)} />}
      {deleted && <DeletePool pool={deleted} onClose={() => remove(undefined)} />}
    </>
  );
}

function columns(edit: (pool: Pool) => void, remove: (pool: Pool) => void): Column<Pool>[] {
  return [
    {
      name: "Pool",
      cell: (pool) => (
        <>
          <strong>{pool.name}</strong>
          <div className="faint">{pool.description}</div>
        </>
      ),
    },
    { name: "Slots", isNumber: true, width: "5rem", cell: (pool) => (pool.slots < 0 ? "no limit" : pool.slots) },
    { name: "Used", width: "16rem", cell: (pool) => <Used pool={pool} /> },
    { name: "Open", isNumber: true, isExtra: true, cell: (pool) => (pool.slots < 0 ? "no limit" : pool.openSlots) },
    { name: "Waiting for it", isNumber: true, isExtra: true, cell: (pool) => pool.scheduledSlots },
    {
      name: "Deferred tasks",
      isExtra: true,
      cell: (pool) => (pool.includeDeferred ? "take slots" : "take none"),
    },
    {
      name: "Actions",
      cell: (pool) => (
        <div className="row-actions">
          <button type="button" onClick={() => edit(pool)} aria-label={`Change ${pool.name}`}>
            Change
          </button>
          {pool.name !== DEFAULT_POOL && (
            <button type="button" className="danger" onClick={() => remove(pool)} aria-label={`Delete ${pool.name}`}>
              Delete
            </button>
          )}
        </div>
      ),
    },
  ];
}

function Used({ pool }: { pool: Pool }) {
  const parts = [
    { name: "running", state: "running", value: Number(pool.runningSlots) },
    { name: "queued", state: "queued", value: Number(pool.queuedSlots) },
    ...(pool.includeDeferred
      ? [{ name: "deferred", state: "deferred", value: Number(pool.deferredSlots) }]
      : []),
  ];
  const words = parts.filter(({ value }) => value).map(({ name, value }) => `${value} ${name}`);
  return (
    <>
      <Meter label="Slots" parts={parts} total={pool.slots} />
      <span className="faint">{words.join(", ") || "none"}</span>
    </>
  );
}

function DeletePool({ pool, onClose }: { pool: Pool; onClose: () => void }) {
  const { namespace, name } = pool;
  const act = useAct("PoolService/DeletePool", { refreshed: [METHOD], words: () => `Pool ${name} is deleted` });
  return (
    <Confirm
      title={`Delete pool ${name}?`}
      action="Delete"
      isPending={act.isPending}
      onClose={onClose}
      onConfirm={() => act.mutate({ namespace, name }, { onSettled: onClose })}
    >
      <p>What holds slots of it goes on; what waits for them waits until there is such a pool again.</p>
    </Confirm>
  );
}
