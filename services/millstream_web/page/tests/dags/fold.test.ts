import { describe, expect, it } from "vitest";
import type { Dag, RunSummary } from "../../src/api/types";
import { foldDag, foldPages, RECENT } from "../../src/pages/dags/fold";
import { event } from "../event";

const run = (runId: string, state: RunSummary["state"]): RunSummary => ({ runId, state, runType: "manual" });
const dag = (said: Partial<Dag> = {}): Dag => ({
  namespace: "default",
  dagId: "d",
  latestVersion: 1,
  bundle: "",
  isPaused: false,
  pauseReason: "",
  displayName: "",
  description: "",
  tags: [],
  owners: [],
  schedule: "none",
  file: "",
  recentRuns: [run("one", "RUN_STATE_SUCCESS")],
  ...said,
});

describe("foldDag", () => {
  it("puts a new run first, once, and no more runs than are shown", () => {
    const full = dag({ recentRuns: Array.from({ length: RECENT }, (_, n) => run(`r${n}`, "RUN_STATE_SUCCESS")) });
    const created = event("RunCreated", { runId: "new", data: { run_type: "scheduled" } });
    const after = [created, created].reduce(foldDag, full);
    expect(after.recentRuns).toHaveLength(RECENT);
    expect(after.recentRuns.slice(0, 2).map((each) => each.runId)).toEqual(["new", "r0"]);
    expect(after.recentRuns[0]).toMatchObject({ state: "RUN_STATE_QUEUED", runType: "scheduled" });
  });

  it("follows a run through its states, with its times", () => {
    const after = [
      event("RunReopened", { runId: "one" }),
      event("RunStarted", { runId: "one", recordedAt: "2026-01-01T00:00:01Z" }),
      event("RunFailed", { runId: "one", recordedAt: "2026-01-01T00:00:09Z" }),
    ].reduce(foldDag, dag());
    expect(after.recentRuns).toEqual([
      { ...run("one", "RUN_STATE_FAILED"), startedAt: "2026-01-01T00:00:01Z", endedAt: "2026-01-01T00:00:09Z" },
    ]);
  });

  it("takes the end away from a run that goes on", () => {
    const over = dag({ recentRuns: [{ ...run("one", "RUN_STATE_FAILED"), endedAt: "2026-01-01T00:00:00Z" }] });
    expect(foldDag(over, event("RunReopened", { runId: "one" })).recentRuns[0]).not.toHaveProperty("endedAt");
  });

  it("pauses and plans", () => {
    const next = { run_after: "2026-01-02T00:00:00Z", logical_date: "2026-01-01T00:00:00Z" };
    const planned = foldDag(dag(), event("NextRunPlanned", { data: { next } }));
    expect(planned.nextRun).toEqual({ runAfter: next.run_after, logicalDate: next.logical_date });
    const paused = foldDag(planned, event("DagPaused", { data: { reason: "failed" } }));
    expect([paused.isPaused, paused.pauseReason, paused.nextRun]).toEqual([true, "failed", undefined]);
    expect(foldDag(paused, event("NextRunPlanned", { data: { next } })).nextRun).toBeUndefined();
    expect(foldDag(paused, event("DagUnpaused")).isPaused).toBe(false);
    expect(foldDag(planned, event("NextRunPlanned", { data: { next: null } })).nextRun).toBeUndefined();
  });

  it("is the same for what it does not show", () => {
    const before = dag();
    expect(foldDag(before, event("TaskStarted", { runId: "one" }))).toBe(before);
    expect(foldDag(before, event("RunStarted", { runId: "an older one" }))).toBe(before);
  });
});

describe("foldPages", () => {
  const data = {
    pages: [
      { dags: [dag({ dagId: "a" })], nextPageToken: "x" },
      { dags: [dag({ dagId: "b" })], nextPageToken: "" },
    ],
  };

  it("changes the page of the DAG alone", () => {
    const after = foldPages(data, [event("DagPaused", { dagId: "b" })], "default");
    expect(after.pages[0]).toBe(data.pages[0]);
    expect(after.pages[1]?.dags[0]?.isPaused).toBe(true);
  });

  it("is the same for other namespaces and for events about other things", () => {
    const others = [event("DagPaused", { dagId: "a", namespace: "other" }), event("PoolSet", { dagId: "" })];
    expect(foldPages(data, others, "default")).toBe(data);
    expect(foldPages(data, [event("TaskReady", { dagId: "a" })], "default")).toBe(data);
  });
});
