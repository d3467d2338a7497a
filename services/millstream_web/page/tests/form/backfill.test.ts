import { expect, it } from "vitest";
import type { BackfillDate } from "../../src/api/types";
import { backfillRequest, NEW_BACKFILL, problems, summary } from "../../src/pages/backfill/request";

const FROM = "2026-01-01T00:00:00Z";
const TO = "2026-01-03T00:00:00Z";

it("names what is wrong by the fields of the API", () => {
  expect(Object.keys(problems(NEW_BACKFILL))).toEqual(["from_date", "to_date"]);
  const form = { ...NEW_BACKFILL, fromDate: TO, toDate: FROM, maxActiveRuns: "0" };
  expect(Object.keys(problems(form))).toEqual(["to_date", "max_active_runs"]);
  expect(problems({ ...NEW_BACKFILL, fromDate: FROM, toDate: FROM })).toEqual({});
});

it("asks for what the form says, and of the DAG for no more than its name", () => {
  const of = { namespace: "ns", dagId: "d", isPaused: true };
  const form = { ...NEW_BACKFILL, fromDate: FROM, toDate: TO, backwards: true, maxActiveRuns: "3" };
  expect(backfillRequest(of, form, { a: 1 })).toEqual({
    namespace: "ns",
    dagId: "d",
    fromDate: FROM,
    toDate: TO,
    reprocessBehavior: "none",
    runBackwards: true,
    maxActiveRuns: 3,
    runOnLatestVersion: true,
    conf: { a: 1 },
  });
});

it("counts what becomes of the dates", () => {
  const dates: BackfillDate[] = [
    { runId: "", reason: "" },
    { runId: "r", reason: "" },
    { runId: "r", reason: "it has a run" },
    { runId: "", reason: "before the start" },
  ];
  expect(summary(dates)).toEqual({ made: 1, again: 1, left: 2 });
});
