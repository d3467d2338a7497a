import { describe, expect, it } from "vitest";
import type { Schema } from "../../src/parts/form/schema";
import { equal, violations } from "../../src/parts/form/validate";

describe("violations", () => {
  const wrong: [unknown, Schema, string][] = [
    ["1", { type: "integer" }, "must be a whole number"],
    [1.5, { type: "integer" }, "must be a whole number"],
    [true, { type: "number" }, "must be a number"],
    [null, { type: "string" }, "must be text"],
    [1, { type: ["null", "string"] }, "must be nothing or text"],
    ["c", { enum: ["a", "b"] }, 'must be one of "a", "b"'],
    [2, { const: 1 }, "must be 1"],
    [0, { minimum: 1 }, "must be at least 1"],
    [3, { maximum: 2 }, "must be at most 2"],
    [1, { exclusiveMinimum: 1 }, "must be more than 1"],
    [1, { minimum: 1, exclusiveMinimum: true }, "must be more than 1"],
    [2, { exclusiveMaximum: 2 }, "must be less than 2"],
    [0.35, { multipleOf: 0.1 }, "must be a multiple of 0.1"],
    ["", { minLength: 1 }, "must have at least 1 character"],
    ["äöü", { maxLength: 2 }, "must have at most 2 characters"],
    ["abc", { pattern: "^\\d+$" }, "must match ^\\d+$"],
    ["2026-02-31", { format: "date" }, "must be a date such as 2026-11-23"],
    ["2026-11-23T07:15:00", { format: "date-time" }, "must be a date and a time with an offset, such as 2026-11-23T07:15:00Z"],
    ["07:15", { format: "time" }, "must be a time such as 07:15:00"],
    ["25:00:00", { format: "time" }, "must be a time such as 07:15:00"],
    ["nobody", { format: "email" }, "must be an email address"],
    [[], { minItems: 1 }, "must have at least 1 item"],
    [[1, 2], { maxItems: 1 }, "must have at most 1 item"],
    [[{ a: 1 }, { a: 1 }], { uniqueItems: true }, "must not have an item twice"],
    [["a", 1], { items: { type: "string" } }, "[1] must be text"],
    [{}, { required: ["a"] }, 'must have "a"'],
    [{ b: 1 }, { properties: { a: {} }, additionalProperties: false }, 'must not have "b"'],
    [{ a: { b: "x" } }, { properties: { a: { properties: { b: { type: "integer" } } } } }, "a.b must be a whole number"],
    [{ x: 1 }, { additionalProperties: { type: "string" } }, "x must be text"],
    [true, { anyOf: [{ type: "string" }, { type: "integer" }] }, "must be text, or must be a whole number"],
    [5, { oneOf: [{ minimum: 1 }, { minimum: 2 }] }, "must fit exactly one of 2 rules"],
    [5, { allOf: [{ minimum: 1 }, { maximum: 2 }] }, "must be at most 2"],
    [5, { not: { type: "integer" } }, "must be something else"],
  ];
  it.each(wrong)("of %j against %j", (value, schema, text) => expect(violations(value, schema)).toEqual([text]));

  const right: [unknown, Schema][] = [
    [1, { type: "integer", minimum: 1, maximum: 1 }],
    [1.0, { type: "integer" }],
    [0.3, { multipleOf: 0.1 }],
    [null, { type: ["null", "string"], format: "date" }],
    ["2024-02-29", { format: "date" }],
    ["2026-11-23T07:15:00.5+01:00", { format: "date-time" }],
    ["07:15:00", { format: "time" }],
    ["xaby", { pattern: "ab" }],
    ["anything", { pattern: "(?P<python>only)" }],
    ["x", { format: "unheard-of" }],
    [{ a: 1 }, { properties: { a: { type: "integer" } }, additionalProperties: false }],
    ["x", {}],
  ];
  it.each(right)("of %j against %j: none", (value, schema) => expect(violations(value, schema)).toEqual([]));
});

it("knows the same JSON, whatever the order of its members", () => {
  expect(equal({ a: [1, { b: null }], c: 1 }, { c: 1, a: [1, { b: null }] })).toBe(true);
  expect([equal([1], [1, 2]), equal({ a: undefined }, {}), equal(null, {}), equal("1", 1)]).toEqual([
    false,
    false,
    false,
    false,
  ]);
});
