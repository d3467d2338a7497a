import { useState } from "react";
import { useLocation } from "wouter";
import { paths } from "../../app/paths";
import type { Run } from "../../api/types";
import { Dialog } from "../Dialog";
import { Failure } from "../Query";
import { useAct } from "../useAct";
import { useConf } from "./conf";
import "./control.css";

/** Another run with the same conf, all of it anew. */
export function TriggerAgainDialog({ run, onClose }: { run: Run; onClose: () => void }) {
  const [, go] = useLocation();
  const conf = useConf(run.conf);
  const [note, setNote] = useState("");
  const trigger = useAct("RunService/TriggerRun", {
    refreshed: ["RunService/ListRuns"],
    words: (_, made) => `Triggered ${made.runId}`,
    to: (_, made) => paths.run(made.dagId, made.runId),
    isQuiet: true,
  });
  const { namespace, dagId } = run;
  const send = () =>
    trigger.mutate(
      { namespace, dagId, note, conf: conf.value ?? {} },
      { onSuccess: (made) => go(paths.run(made.dagId, made.runId)) },
    );
  return (
    <Dialog title={`Trigger ${dagId} again`} onClose={onClose}>
      <div className="form">
        <label>
          Conf
          <textarea rows={6} className="mono" value={conf.text} onChange={(event) => conf.set(event.target.value)} />
        </label>
        {conf.wrong && <p className="wrong">{conf.wrong}</p>}
        <label>
          Note
          <input value={note} onChange={(event) => setNote(event.target.value)} />
        </label>
        {trigger.error && <Failure error={trigger.error} />}
        <footer>
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button type="button" className="main" disabled={Boolean(conf.wrong) || trigger.isPending} onClick={send}>
            Trigger
          </button>
        </footer>
      </div>
    </Dialog>
  );
}
