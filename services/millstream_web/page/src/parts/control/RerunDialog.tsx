import { useState } from "react";
import { useLocation } from "wouter";
import { paths } from "../../app/paths";
import type { Request } from "../../api/call";
import type { Run, TaskSelector } from "../../api/types";
import { Dialog } from "../Dialog";
import { instanceKey } from "../gantt/bars";
import { Failure } from "../Query";
import { useAct } from "../useAct";
import { Check } from "./Check";
import { useConf } from "./conf";
import "./control.css";

type Start = "failed" | "tasks" | "event";

/** Make a new run from one that there is: what succeeded stands, unless it is downstream of what runs. */
export function RerunDialog({
  run,
  tasks = [],
  at,
  onClose,
}: {
  run: Run;
  /** From which to begin, if from some. */
  tasks?: TaskSelector[];
  /** From which position of the log, if from one. */
  at?: number | undefined;
  onClose: () => void;
}) {
  const [, go] = useLocation();
  const [start, setStart] = useState<Start>(tasks.length ? "tasks" : at === undefined ? "failed" : "event");
  const conf = useConf(run.conf);
  const [note, setNote] = useState("");
  const [latestVersion, setLatest] = useState(false);
  const rerun = useAct("HistoryService/RerunRun", {
    refreshed: ["RunService/ListRuns", "HistoryService/GetLineage"],
    words: (_, made) => `Made ${made.runId}; ${Number(made.takenOver)} results were taken over`,
    to: (_, made) => paths.run(made.dagId, made.runId),
    isQuiet: true,
  });
  const { namespace, dagId, runId } = run;
  const send = () => {
    const request: Request<"HistoryService/RerunRun"> = {
      ...{ namespace, dagId, runId, note, latestVersion },
      start: `RERUN_START_${start.toUpperCase()}` as "RERUN_START_TASKS",
      ...(start === "tasks" ? { tasks } : {}),
      ...(start === "event" && at !== undefined ? { at: { position: at } } : {}),
      ...(conf.isChanged && conf.value ? { conf: conf.value } : {}),
    };
    rerun.mutate(request, { onSuccess: (made) => go(paths.run(made.dagId, made.runId)) });
  };
  const choices: [Start, string, boolean][] = [
    ["failed", "What did not succeed, and what is downstream of it", true],
    ["tasks", `${tasks.map((task) => instanceKey(task.taskId, task.mapIndex)).join(", ")} and what is downstream`, tasks.length > 0],
    ["event", `What had not ended at event ${at}`, at !== undefined],
  ];
  return (
    <Dialog title="Rerun: a new run from this one" onClose={onClose}>
      <div className="form">
        <fieldset className="options">
          <legend>What runs again</legend>
          {choices.map(([value, name, isThere]) =>
            isThere ? (
              <label key={value} className="check">
                <input type="radio" name="start" checked={start === value} onChange={() => setStart(value)} />
                {name}
              </label>
            ) : null,
          )}
        </fieldset>
        <label>
          Conf
          <textarea rows={5} className="mono" value={conf.text} onChange={(event) => conf.set(event.target.value)} />
        </label>
        {conf.wrong && <p className="wrong">{conf.wrong}</p>}
        <Check name={`Newest version of the DAG, and not version ${run.dagVersion}`} is={latestVersion} set={setLatest} />
        <label>
          Note
          <input value={note} onChange={(event) => setNote(event.target.value)} />
        </label>
        {rerun.error && <Failure error={rerun.error} />}
        <footer>
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button type="button" className="main" disabled={Boolean(conf.wrong) || rerun.isPending} onClick={send}>
            Rerun
          </button>
        </footer>
      </div>
    </Dialog>
  );
}
