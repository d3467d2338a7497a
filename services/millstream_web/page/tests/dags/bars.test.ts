import { expect, it } from "vitest";
import type { RunSummary } from "../../src/api/types";
import { barsOf } from "../../src/pages/dags/bars";
import { isNarrowed, requestOf } from "../../src/pages/dags/search";

const at = (seconds: number) => new Date(seconds * 1000).toISOString();
const run = (runId: string, said: Partial<RunSummary>): RunSummary => ({
  runId,
  state: "RUN_STATE_SUCCESS",
  runType: "manual",
  ...said,
});

it("draws the oldest run first, as high as it took long", () => {
  const bars = barsOf(
    [
      run("going", { state: "RUN_STATE_RUNNING", startedAt: at(100) }),
      run("queued", { state: "RUN_STATE_QUEUED" }),
      run("half", { startedAt: at(0), endedAt: at(50) }),
    ],
    200_000,
  );
  expect(bars.map((bar) => bar.runId)).toEqual(["half", "queued", "going"]);
  expect(bars.map((bar) => bar.height)).toEqual([0.5, 0.18, 1]);
  expect(bars[2]?.title).toContain("running · 1 m 40 s");
});

it("draws nothing for nothing, and no run below the ground", () => {
  expect(barsOf([], 0)).toEqual([]);
  expect(barsOf([run("odd", { startedAt: at(9), endedAt: at(1) })], 0)[0]?.height).toBe(0.18);
});

it("asks for what the address says, and leaves out what it does not know", () => {
  const params = new URLSearchParams("search=x&tag=a&tag=b&state=failed&paused=no&sort=next_run_after");
  expect(requestOf(params, "ns")).toMatchObject({
    namespace: "ns",
    search: "x",
    tags: ["a", "b"],
    lastRunStates: ["RUN_STATE_FAILED"],
    isPaused: false,
    orderBy: "next_run_after",
  });
  const odd = requestOf(new URLSearchParams("state=nonsense&paused=maybe&sort=drop"), "ns");
  expect(odd).toMatchObject({ lastRunStates: [], orderBy: "" });
  expect(odd).not.toHaveProperty("isPaused");
  expect([isNarrowed(params), isNarrowed(new URLSearchParams("sort=x"))]).toEqual([true, false]);
});
