import { expect, it } from "vitest";
import {
  dayBounds,
  daysOf,
  monthsOf,
  sumOfDay,
  yearBounds,
  zoneName,
} from "../../../src/pages/dag/calendar";

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

it("knows when a day begins and ends for the reader, summer time or not", () => {
  expect(dayBounds("2026-12-31", "utc")).toEqual({
    logicalFrom: "2026-12-31T00:00:00.000Z",
    logicalUntil: "2027-01-01T00:00:00.000Z",
  });
  const { logicalFrom, logicalUntil } = dayBounds("2026-03-29", "local");
  expect(new Date(logicalFrom).getHours()).toBe(0);
  expect(new Date(logicalUntil).getDate()).toBe(30);
});

it("knows the bounds of a year, and whose days they are", () => {
  expect(yearBounds(2026, "utc").logicalUntil).toBe("2027-01-01T00:00:00.000Z");
  expect(zoneName("utc")).toBe("UTC");
  expect(zoneName("local")).not.toBe("");
});

it("says of a day what says most", () => {
  const sum = sumOfDay([
    { state: "RUN_STATE_SUCCESS", count: 20 },
    { state: "RUN_STATE_FAILED", count: 1 },
    { state: "RUN_STATE_RUNNING", count: 2 },
  ]);
  expect(sum).toEqual({ state: "RUN_STATE_FAILED", count: 23 });
});
