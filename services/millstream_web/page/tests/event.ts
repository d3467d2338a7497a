import type { LiveEvent } from "../src/live/fold";

/** An event for a test; what is not said is empty. */
export function event(type: string, said: Partial<LiveEvent> = {}): LiveEvent {
  return {
    position: 1,
    epoch: "1",
    type,
    namespace: "default",
    dagId: "d",
    runId: "",
    taskId: "",
    mapIndex: [],
    attempt: 0,
    actor: "scheduler/1",
    causation: "",
    recordedAt: "2026-11-23T06:00:00Z",
    dataJson: "{}",
    digest: "",
    trace: "",
    data: {},
    ...said,
  };
}
