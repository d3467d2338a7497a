import { useState } from "react";
import { Link } from "wouter";
import { paths } from "../../app/paths";
import { useRead } from "../../api/queries";
import type { Run, XCom } from "../../api/types";
import { useRefreshed } from "../../live/hooks";
import { instanceKey } from "../../parts/gantt/bars";
import { bytes, codecText } from "../../parts/json/shapes";
import { XComValue } from "../../parts/json/XComValue";
import { Empty, Query } from "../../parts/Query";
import { Table } from "../../parts/Table";

const ENDS = new Set(["TaskSucceeded", "TaskFailed", "TaskSkipped", "TaskReady"]);

/** What the tasks of the run handed on. */
export function RunXComs({ run }: { run: Run }) {
  const { namespace, dagId, runId } = run;
  const [token, setToken] = useState("");
  const [chosen, setChosen] = useState("");
  const request = { namespace, dagId, runId, pageSize: 500, pageToken: token };
  const found = useRead("RunService/ListXComs", request);
  useRefreshed(["RunService/ListXComs", request], (event) => event.runId === runId && ENDS.has(event.type), 1500);
  return (
    <Query of={found}>
      {({ xcoms, nextPageToken }) => {
        if (!xcoms.length) return <Empty>No task has handed anything on.</Empty>;
        const one = xcoms.find((each) => keyOf(each) === chosen);
        return (
          <div className="xcoms">
            {one && <XComValue key={chosen} xcom={one} isOpen />}
            <Table
              label="XComs"
              rows={xcoms}
              keyOf={keyOf}
              columns={[
                {
                  name: "Task",
                  cell: (each) => (
                    <Link href={paths.task({ dagId, runId, taskId: each.taskId, mapIndex: each.mapIndex }, "xcoms")}>
                      {instanceKey(each.taskId, each.mapIndex)}
                    </Link>
                  ),
                },
                {
                  name: "Key",
                  cell: (each) => (
                    <button type="button" className="plain" aria-pressed={keyOf(each) === chosen} onClick={() => setChosen(keyOf(each))}>
                      {each.key}
                    </button>
                  ),
                },
                { name: "Codec", cell: (each) => codecText(each.codec), isExtra: true },
                { name: "Size", cell: (each) => bytes(Number(each.size)), isNumber: true },
                { name: "Value", cell: (each) => <code className="clipped">{each.valueJson.slice(0, 120)}</code>, isExtra: true },
              ]}
            />
            {(nextPageToken || token) && (
              <p>
                {token && (
                  <button type="button" onClick={() => setToken("")}>
                    First page
                  </button>
                )}{" "}
                {nextPageToken && (
                  <button type="button" onClick={() => setToken(nextPageToken)}>
                    Next page
                  </button>
                )}
              </p>
            )}
          </div>
        );
      }}
    </Query>
  );
}

function keyOf(xcom: XCom): string {
  return JSON.stringify([xcom.taskId, xcom.mapIndex, xcom.key]);
}
