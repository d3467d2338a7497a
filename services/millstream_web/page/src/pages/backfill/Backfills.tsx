import { useState } from "react";
import { more, pagesKey, usePages } from "../../api/pages";
import type { Backfill } from "../../api/types";
import type { LiveEvent } from "../../live/fold";
import { useRefreshed } from "../../live/hooks";
import { Confirm } from "../../parts/Confirm";
import { Meter } from "../../parts/Meter";
import { Empty, Query } from "../../parts/Query";
import { type Column, Table } from "../../parts/Table";
import { Ago, Time } from "../../parts/Time";
import { useAct } from "../../parts/useAct";

const METHOD = "BackfillService/ListBackfills";

/** The backfills of a DAG with how far they are. */
export function Backfills({ namespace, dagId }: { namespace: string; dagId: string }) {
  const request = { namespace, dagId };
  const pages = usePages(METHOD, request);
  const [cancelled, cancel] = useState<Backfill>();
  const isAbout = (event: LiveEvent) =>
    event.dagId === dagId && event.namespace === namespace && event.type.startsWith("Backfill");
  useRefreshed(pagesKey(METHOD, request), isAbout);
  return (
    <section className="backfills">
      <h2>Backfills</h2>
      <Query of={pages}>
        {(data) => {
          const rows = data.pages.flatMap((page) => page.backfills);
          if (!rows.length) return <Empty>There was none yet.</Empty>;
          return (
            <Table
              label="Backfills"
              rows={rows}
              columns={columns(cancel)}
              keyOf={(row) => row.backfillId}
              rowHeight={48}
              onEnd={() => more(pages)}
            />
          );
        }}
      </Query>
      {cancelled && <Cancel backfill={cancelled} onClose={() => cancel(undefined)} />}
    </section>
  );
}

function columns(cancel: (backfill: Backfill) => void): Column<Backfill>[] {
  return [
    { name: "No.", width: "3rem", cell: (row) => row.backfillId },
    { name: "State", cell: (row) => row.state },
    {
      name: "Dates",
      isExtra: true,
      cell: (row) => (
        <>
          <Time at={row.fromDate} /> – <Time at={row.toDate} />
          {row.runBackwards && <span className="faint"> backwards</span>}
        </>
      ),
    },
    { name: "Progress", cell: (row) => <Progress of={row} /> },
    { name: "Made", isExtra: true, cell: (row) => <Ago at={row.createdAt} /> },
    { name: "Actions", cell: (row) => <Actions of={row} cancel={cancel} /> },
  ];
}

function Progress({ of }: { of: Backfill }) {
  return (
    <>
      <Meter
        label="Dates"
        total={of.total}
        parts={[
          { name: "with a run", state: "success", value: of.number - of.skipped },
          { name: "without one", state: "skipped", value: of.skipped },
        ]}
      />
      <span className="faint">
        {of.number} of {of.total}
        {of.skipped > 0 && `, ${of.skipped} without a run`}
      </span>
    </>
  );
}

function Actions({ of, cancel }: { of: Backfill; cancel: (backfill: Backfill) => void }) {
  const isPaused = of.state === "paused";
  const pause = useAct("BackfillService/SetBackfillPaused", {
    refreshed: [METHOD],
    words: (request) => `Backfill ${of.backfillId} ${request.isPaused ? "is paused" : "goes on"}`,
  });
  if (of.state !== "running" && !isPaused) return null;
  const { namespace, dagId, backfillId } = of;
  return (
    <div className="actions">
      <button
        type="button"
        disabled={pause.isPending}
        onClick={() => pause.mutate({ namespace, dagId, backfillId, isPaused: !isPaused })}
      >
        {isPaused ? "Go on" : "Pause"}
      </button>
      <button type="button" className="danger" onClick={() => cancel(of)}>
        Cancel
      </button>
    </div>
  );
}

function Cancel({ backfill, onClose }: { backfill: Backfill; onClose: () => void }) {
  const { namespace, dagId, backfillId } = backfill;
  const act = useAct("BackfillService/CancelBackfill", {
    refreshed: [METHOD],
    words: () => `Backfill ${backfillId} is cancelled`,
  });
  return (
    <Confirm
      title={`Cancel backfill ${backfillId} of ${dagId}?`}
      action="Cancel the backfill"
      isPending={act.isPending}
      onClose={onClose}
      onConfirm={() => act.mutate({ namespace, dagId, backfillId }, { onSettled: onClose })}
    >
      <p>Runs that go on do so; those that wait fail, and no more are made.</p>
    </Confirm>
  );
}
