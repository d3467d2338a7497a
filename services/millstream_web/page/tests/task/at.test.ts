import { expect, test } from "vitest";
import { confOf } from "../../src/parts/control/conf";
import { parsed } from "../../src/pages/task/at";

test("the address names an instance and an attempt, or neither", () => {
  const of = (query: string) => parsed(new URLSearchParams(query));
  expect(of("")).toEqual({ mapIndex: undefined, attempt: 0 });
  expect(of("map=1,2&attempt=3")).toEqual({ mapIndex: [1, 2], attempt: 3 });
  expect(of("map=0")).toEqual({ mapIndex: [0], attempt: 0 });
  expect(of("map=x&attempt=-1")).toEqual({ mapIndex: undefined, attempt: 0 });
});

test("a conf is an object", () => {
  expect(confOf('{"a": 1}')).toEqual({ value: { a: 1 }, wrong: "" });
  expect(confOf(" ")).toEqual({ value: {}, wrong: "" });
  expect(confOf("[1]").value).toBeUndefined();
  expect(confOf("{").wrong).toMatch(/no JSON/);
});
