import { expect, test } from "vitest";
import type { TaskInstance } from "../../src/api/types";
import { cellsOf } from "../../src/pages/run/later";
import { momentOf } from "../../src/pages/run/useMoment";

test("what the server says are cells as those that are folded here", () => {
  const tasks = [
    { taskId: "a", mapIndex: [], state: "TASK_STATE_SUCCESS", attempt: 1 },
    { taskId: "m", mapIndex: [2], state: "TASK_STATE_RUNNING", attempt: 2 },
  ] as unknown as TaskInstance[];
  expect([...cellsOf(tasks)]).toEqual([
    ["a", { taskId: "a", mapIndex: [], state: "TASK_STATE_SUCCESS", attempt: 1 }],
    ["m[2]", { taskId: "m", mapIndex: [2], state: "TASK_STATE_RUNNING", attempt: 2 }],
  ]);
});

test("a moment is a position of the log, or now", () => {
  expect([momentOf("48200"), momentOf(undefined), momentOf("-1"), momentOf("x"), momentOf("1.5")]).toEqual([
    48200,
    ...[undefined, undefined, undefined, undefined],
  ]);
});
