import { useState } from "react";
import { Link } from "wouter";
import { paths } from "../../app/paths";
import { useRead } from "../../api/queries";
import type { Run } from "../../api/types";
import { Dialog } from "../../parts/Dialog";
import { Query } from "../../parts/Query";
import { State } from "../../parts/State";
import { Table } from "../../parts/Table";
import { Time } from "../../parts/Time";

/** The run to compare with. */
export function ChooseOther({ run, onClose }: { run: Run; onClose: () => void }) {
  const [prefix, setPrefix] = useState("");
  const { namespace, dagId, runId } = run;
  const found = useRead("RunService/ListRuns", { namespace, dagId, pageSize: 200, runIdPrefix: prefix }, { keep: true });
  return (
    <Dialog title="Compare with" onClose={onClose}>
      <div className="form">
        <label>
          Runs that begin with
          <input value={prefix} onChange={(event) => setPrefix(event.target.value)} />
        </label>
        <Query of={found}>
          {({ runs }) => (
            <Table
              label="Runs"
              rows={runs.filter((each) => each.runId !== runId)}
              keyOf={(each) => each.runId}
              columns={[
                { name: "Run", cell: (each) => <Link href={paths.compare(dagId, runId, each.runId)}>{each.runId}</Link> },
                { name: "State", cell: (each) => <State of={each.state} /> },
                { name: "Created", cell: (each) => <Time at={each.createdAt} />, isExtra: true },
              ]}
            />
          )}
        </Query>
      </div>
    </Dialog>
  );
}
