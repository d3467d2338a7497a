import { describe, expect, it } from "vitest";
import { isIn, pageOf, titleOf } from "../../src/app/place";

describe("pageOf", () => {
  it.each([
    ["/dags/a/grid", "/dags/a"],
    ["/dags/a/trigger", "/dags/a/trigger"],
    ["/dags/a/runs/r/gantt", "/dags/a/runs/r"],
    ["/dags/a/runs", "/dags/a"],
    ["/dags/a/runs/r/tasks/t/log?attempt=2", "/dags/a/runs/r/tasks/t"],
    ["/dags/a/runs/r/compare/s", "/dags/a/runs/r/compare/s"],
    ["/", "/"],
    ["/pools", "/pools"],
  ])("of %s is %s", (location, page) => expect(pageOf(location)).toBe(page));
});

describe("titleOf", () => {
  it.each([
    ["/", "Home · Millstream"],
    ["/audit", "Audit log · Millstream"],
    ["/dags/a%2Fb/graph", "a/b · Millstream"],
    ["/dags/a/backfill", "Backfill · a · Millstream"],
    ["/dags/a/runs/r/tasks/t/why", "t · r · a · Millstream"],
    ["/dags/%E0%A4%A", "%E0%A4%A · Millstream"],
    ["/nowhere", "Millstream"],
  ])("of %s is %s", (location, title) => expect(titleOf(location)).toBe(title));
});

it("is in a place below it, and in the home page only there", () => {
  expect([isIn("/dags/a", "/dags"), isIn("/dagsy", "/dags"), isIn("/dags", "/"), isIn("/", "/")]).toEqual([
    true,
    false,
    false,
    true,
  ]);
});
