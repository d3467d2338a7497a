import { describe, expect, it } from "vitest";
import { fieldsOf, fieldsOfInput, isNullable, kindOf, type Kind, nameOf, type Schema } from "../../src/parts/form/schema";

describe("kindOf", () => {
  const cases: [Schema, unknown, Kind][] = [
    [{ type: "string" }, "", "text"],
    [{ type: ["null", "string"] }, null, "text"],
    [{ type: "string", format: "multiline" }, "", "multiline"],
    [{ type: "string", format: "date" }, "", "date"],
    [{ type: ["string", "null"], format: "date-time" }, null, "date-time"],
    [{ type: "string", format: "time" }, "", "time"],
    [{ type: "string", format: "email" }, "", "text"],
    [{ type: "integer" }, 1, "integer"],
    [{ type: ["integer", "null"] }, null, "integer"],
    [{ type: "number" }, 1, "number"],
    [{ type: "boolean" }, true, "boolean"],
    [{ enum: [1, "a", null] }, 1, "choice"],
    [{ const: 5 }, 5, "choice"],
    [{ type: "array" }, ["a"], "lines"],
    [{ type: "array", items: { type: "string" } }, [], "lines"],
    [{ type: "array", items: { type: "object" } }, [], "json"],
    [{ type: "array", items: { type: "number" } }, [], "json"],
    [{ type: "array" }, [1, 2], "json"],
    [{ type: "array", items: { enum: ["a", "b"] } }, [], "choices"],
    [{ type: "array", examples: ["a", "b"] }, [], "choices"],
    [{ type: "object" }, {}, "json"],
    [{ type: ["string", "integer"] }, 1, "json"],
    [{ anyOf: [{ type: "string" }, { type: "integer" }] }, 1, "json"],
    [{}, "text", "text"],
    [{}, 10, "number"],
    [{}, true, "boolean"],
    [{}, ["a"], "lines"],
    [{}, [1], "json"],
    [{}, { a: 1 }, "json"],
    [{}, null, "text"],
    [{ format: "date" }, null, "date"],
  ];
  it.each(cases)("of %j with %j is %s", (schema, value, kind) => expect(kindOf(schema, value)).toBe(kind));
});

it("knows what may be nothing", () => {
  expect([{ type: ["null", "string"] }, { enum: ["a", null] }, { anyOf: [{ type: "null" }] }].map(isNullable)).toEqual([
    true,
    true,
    true,
  ]);
  expect([{ type: "string" }, {}, { enum: ["a"], type: ["null", "string"] }].map(isNullable)).toEqual([
    false,
    false,
    false,
  ]);
});

it("makes a field of each param, what is needed first, sections together", () => {
  const fields = fieldsOf(
    { plain: "x", b: 1 },
    {
      a: { type: "integer", section: "Size", title: "How many", description: "Rows" },
      b: { type: "integer" },
      c: { type: "string", section: "Size" },
    },
  );
  expect(fields.map((field) => field.name)).toEqual(["b", "plain", "c", "a"]);
  expect(fields[3]).toMatchObject({ title: "How many", description: "Rows", hasDefault: false, kind: "integer" });
  expect(fields[1]).toMatchObject({ title: "plain", hasDefault: true, default: "x", kind: "text" });
  expect(fieldsOf()).toEqual([]);
});

it("reads the form of a question to people", () => {
  const fields = fieldsOfInput({
    why: { value: "", description: "Say why", schema: { type: "string" } },
    many: { schema: { type: "integer" } },
    old: 5,
  });
  expect(fields.map(({ name, hasDefault, description }) => [name, hasDefault, description])).toEqual([
    ["many", false, ""],
    ["old", true, ""],
    ["why", true, "Say why"],
  ]);
});

it("calls an option as the schema says", () => {
  expect(nameOf("a", { values_display: { a: "First" } })).toBe("First");
  expect([nameOf(1, {}), nameOf("a", {}), nameOf({ a: 1 }, {})]).toEqual(["1", "a", '{"a":1}']);
});
