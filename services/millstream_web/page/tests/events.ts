/** Events for tests, as the page hears them. */
import type { LiveEvent } from "../src/live/fold";

let position = 100;

export function event(type: string, more: Partial<LiveEvent> = {}): LiveEvent {
  position += 1;
  return {
    position,
    epoch: "1",
    type,
    namespace: "default",
    dagId: "d",
    runId: "r1",
    taskId: "",
    mapIndex: [],
    attempt: 0,
    actor: "",
    causation: "",
    recordedAt: "2026-01-01T00:00:10Z",
    dataJson: "{}",
    data: {},
    digest: "",
    trace: "",
    ...more,
  };
}
