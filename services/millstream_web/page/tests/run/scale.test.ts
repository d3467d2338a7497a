import { expect, test } from "vitest";
import { timeScale } from "../../src/pages/run/scale";

test("events stand in order, from the one end to the other", () => {
  const scale = timeScale([0, 10, 10, 10, 50, 4000, 4001]);
  const shares = [0, 1, 2, 3, 4, 5, 6].map(scale.of);
  expect(shares[0]).toBe(0);
  expect(shares[6]).toBeCloseTo(1);
  for (let at = 1; at < 7; at++) expect(shares[at]).toBeGreaterThan(shares[at - 1] ?? 0);
});

test("a night without events does not take the bar", () => {
  const times = Array.from({ length: 200 }, (_, at) => at * 1000 + (at >= 100 ? 8 * 3_600_000 : 0));
  const scale = timeScale(times);
  expect(scale.of(100) - scale.of(99)).toBeLessThan(0.1);
  expect(scale.gaps).toHaveLength(1);
  expect(scale.gaps[0]?.ms).toBe(8 * 3_600_000 + 1000);
});

test("even times are evenly apart, with no gap made short", () => {
  const scale = timeScale(Array.from({ length: 101 }, (_, at) => at * 1000));
  expect(scale.of(50)).toBeCloseTo(0.5);
  expect(scale.gaps).toEqual([]);
});

test("the nearest event is found", () => {
  const scale = timeScale([0, 100, 200, 300, 400]);
  for (let at = 0; at < 5; at++) expect(scale.at(scale.of(at))).toBe(at);
  expect(scale.at(scale.of(2) + 0.01)).toBe(2);
  expect(scale.at(-1)).toBe(0);
  expect(scale.at(2)).toBe(4);
});

test("none, one, and all at once", () => {
  expect(timeScale([]).at(0.5)).toBe(-1);
  expect(timeScale([7]).at(0.5)).toBe(0);
  expect(timeScale([7, 7, 7]).of(1)).toBeCloseTo(0.5);
});
