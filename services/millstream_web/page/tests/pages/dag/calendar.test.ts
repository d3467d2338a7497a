import { expect, it } from "vitest";
import type { Run, RunState } from "../../../src/api/types";
import { byDay, daysOf, instantOf, monthsOf, sumOfDay } from "../../../src/pages/dag/calendar";

const run = (logicalDate: string | undefined, state: RunState = "RUN_STATE_SUCCESS"): Run =>
  ({ runId: logicalDate ?? "none", ...(logicalDate ? { logicalDate } : {}), state }) as Run;

it("has every day of a year, leap days too", () => {
  expect(daysOf(2026)).toHaveLength(365);
  expect(daysOf(2028)).toHaveLength(366);
  expect(daysOf(2028).map(({ date }) => date)).toContain("2028-02-29");
  expect(daysOf(2026).at(-1)?.date).toBe("2026-12-31");
});

it("puts each day under its weekday, and a new week on Monday", () => {
  const days = new Map(daysOf(2026).map((day) => [day.date, day]));
  expect(days.get("2026-01-01")).toMatchObject({ week: 0, weekday: 3 });
  expect(days.get("2026-01-04")).toMatchObject({ week: 0, weekday: 6 });
  expect(days.get("2026-01-05")).toMatchObject({ week: 1, weekday: 0 });
  expect(days.get("2026-11-23")?.weekday).toBe(0);
  expect(Math.max(...daysOf(2028).map(({ week }) => week))).toBeLessThan(54);
});

it("names the week in which a month begins", () => {
  expect(monthsOf(daysOf(2026)).slice(0, 2)).toEqual([
    { name: "Jan", week: 0 },
    { name: "Feb", week: 4 },
  ]);
  expect(monthsOf(daysOf(2026))).toHaveLength(12);
});

it("gathers the runs of a day of the reader", () => {
  const runs = [run("2026-03-01T23:30:00Z"), run("2026-03-01T00:10:00Z"), run(undefined)];
  const days = byDay(runs, "utc");
  expect([...days.keys()]).toEqual(["2026-03-01"]);
  expect(days.get("2026-03-01")).toHaveLength(2);
});

it("takes for a run without a logical date when it was to begin", () => {
  expect(instantOf({ runAfter: "2026-01-02T00:00:00Z", createdAt: "x" } as Run)).toBe(
    "2026-01-02T00:00:00Z",
  );
});

it("says of a day what says most", () => {
  const sum = sumOfDay([run("a"), run("b", "RUN_STATE_FAILED"), run("c", "RUN_STATE_RUNNING")]);
  expect(sum.state).toBe("RUN_STATE_FAILED");
  expect(sum.count).toBe(3);
  expect(sum.counts.get("RUN_STATE_SUCCESS")).toBe(1);
});
