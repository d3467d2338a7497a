import { useEffect, useState } from "react";
import type { Dag } from "../api/types";
import { useAct } from "./useAct";

/** Whether a DAG goes on. It turns at once, and back if that is refused. */
export function PausedSwitch({ dag }: { dag: Pick<Dag, "namespace" | "dagId" | "isPaused"> }) {
  const [wanted, want] = useState<boolean>();
  const isPaused = wanted ?? dag.isPaused;
  const change = useAct("DagService/SetDagPaused", {
    words: (request) => `${request.dagId} ${request.isPaused ? "is paused" : "goes on"}`,
  });
  useEffect(() => want(undefined), [dag.isPaused]);
  const turn = () => {
    want(!isPaused);
    change.mutate(
      { namespace: dag.namespace, dagId: dag.dagId, isPaused: !isPaused },
      { onError: () => want(undefined) },
    );
  };
  return (
    <button
      type="button"
      role="switch"
      className="switch"
      aria-checked={!isPaused}
      aria-label={`${dag.dagId} goes on`}
      title={isPaused ? "Paused. Let it go on" : "Goes on. Pause it"}
      disabled={change.isPending}
      onClick={turn}
    >
      <span aria-hidden="true" />
    </button>
  );
}
