import { expect, test } from "vitest";
import { panned, tickLabel, ticks, zoomed } from "../../src/parts/gantt/axis";

const NOON = Date.parse("2026-11-23T12:00:00Z");

test("ticks stand at round times, and are not too many", () => {
  const span = { from: NOON + 1234, to: NOON + 61_234 };
  const found = ticks(span, 8, "utc");
  expect(found.map((at) => (at - NOON) / 1000)).toEqual([10, 20, 30, 40, 50, 60]);
  for (const length of [50, 7_000, 3_600_000, 86_400_000 * 9, 86_400_000 * 4000]) {
    const some = ticks({ from: NOON, to: NOON + length }, 8, "utc");
    expect(some.length).toBeLessThanOrEqual(12);
    expect(some.length).toBeGreaterThan(1);
  }
});

test("labels say what tells them apart", () => {
  expect(tickLabel(NOON, { from: NOON, to: NOON + 60_000 }, "utc")).toBe("12:00:00");
  expect(tickLabel(NOON, { from: NOON, to: NOON + 8 * 3_600_000 }, "utc")).toBe("12:00");
  expect(tickLabel(NOON, { from: NOON, to: NOON + 9 * 86_400_000 }, "utc")).toBe("11-23");
  expect(tickLabel(NOON + 50, { from: NOON, to: NOON + 100 }, "utc")).toBe("00.050");
});

test("zooming keeps the instant under the pointer, and stays within the whole", () => {
  const whole = { from: 0, to: 1000 };
  const near = zoomed(whole, 2, 250, whole);
  expect(near).toEqual({ from: 125, to: 625 });
  expect(zoomed(near, 0.01, 250, whole)).toEqual(whole);
  expect(panned(near, -1, whole)).toEqual({ from: 0, to: 500 });
  expect(panned(near, 9, whole)).toEqual({ from: 500, to: 1000 });
  const least = zoomed(whole, 1e9, 500, whole);
  expect(least.to - least.from).toBe(10);
});
