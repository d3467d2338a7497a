import type { LiveEvent } from "../../src/live/fold";

/** An event of a run; `second` is when it was recorded. */
export function event(position: number, type: string, second: number, more: Partial<LiveEvent> = {}): LiveEvent {
  return {
    position,
    type,
    epoch: "1",
    namespace: "default",
    dagId: "d",
    runId: "r",
    taskId: type.startsWith("Run") ? "" : "a",
    mapIndex: [],
    attempt: 0,
    actor: "api/1",
    causation: "c",
    recordedAt: new Date(second * 1000).toISOString(),
    dataJson: JSON.stringify(more.data ?? {}),
    digest: "",
    trace: "",
    data: {},
    ...more,
  };
}
