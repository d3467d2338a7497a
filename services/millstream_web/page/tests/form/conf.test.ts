import { describe, expect, it } from "vitest";
import { chosen, EMPTY, problemsOf, rawOf, typed, typedRaw, valueOf } from "../../src/parts/form/conf";
import { fromInput, toInput } from "../../src/parts/form/instants";
import { type Field, fieldsOf } from "../../src/parts/form/schema";
import { understood, written } from "../../src/parts/form/texts";

const FIELDS = fieldsOf(
  { rows: 10, day: null },
  { rows: { type: "integer", maximum: 100 }, name: { type: "string" }, day: { type: ["null", "string"], format: "date" } },
);
const [rows, name, day] = ["rows", "name", "day"].map((each) => FIELDS.find((field) => field.name === each)) as [
  Field,
  Field,
  Field,
];

describe("conf", () => {
  it("holds what differs from the defaults, and shows them", () => {
    const said = typed(EMPTY, rows, "20", "utc");
    expect([said.values, valueOf(said, rows), valueOf(EMPTY, rows)]).toEqual([{ rows: 20 }, 20, 10]);
    expect(typed(said, rows, "10", "utc").values).toEqual({});
    expect(chosen(said, rows, undefined).values).toEqual({});
  });

  it("keeps what is typed, also while it is no value", () => {
    const half = typed(typed(EMPTY, rows, "2", "utc"), rows, "2e", "utc");
    expect(half.drafts.rows).toEqual({ text: "2e", problem: "must be a number" });
    expect(half.values).toEqual({ rows: 2 });
    expect(problemsOf(half, [rows])).toEqual({ rows: "must be a number" });
    expect(typed(EMPTY, rows, "1.", "utc").drafts.rows).toEqual({ text: "1." });
  });

  it("names what is missing and what breaks a rule", () => {
    expect(problemsOf(EMPTY, [rows, name, day])).toEqual({ name: "must have a value" });
    const said = typed(typed(EMPTY, name, "x", "utc"), rows, "101", "utc");
    expect(problemsOf(said, [rows, name, day])).toEqual({ rows: "must be at most 100" });
  });

  it("is the same as JSON, both ways", () => {
    const said = typedRaw(typed(EMPTY, rows, "2e", "utc"), '{"rows": 7, "more": [1]}');
    expect([valueOf(said, rows), said.drafts, said.values.more]).toEqual([7, {}, [1]]);
    expect(JSON.parse(rawOf(typed(said, rows, "8", "utc")))).toEqual({ rows: 8, more: [1] });
    expect(typedRaw(said, "").values).toEqual({});
  });

  it("keeps the values while the JSON is none", () => {
    const said = typed(EMPTY, rows, "20", "utc");
    const broken = typedRaw(said, '{"rows": ');
    expect([broken.values, broken.raw?.text]).toEqual([{ rows: 20 }, '{"rows": ']);
    expect(broken.raw?.problem).toContain("is no JSON");
    expect(typedRaw(said, "[1]").raw?.problem).toBe("This must be a JSON object.");
  });
});

describe("understood", () => {
  const field = (kind: Field["kind"], said: Partial<Field> = {}) => ({ kind, isNullable: false, hasDefault: true, ...said });

  it.each([
    [field("integer"), " 42 ", { value: 42 }],
    [field("number"), "-1.5e3", { value: -1500 }],
    [field("number"), "0x10", { problem: "must be a number" }],
    [field("number"), "", { problem: "must have a value" }],
    [field("number", { isNullable: true }), "", { value: null }],
    [field("number", { hasDefault: false }), "", { value: undefined }],
    [field("text"), "", { value: "" }],
    [field("text", { isNullable: true }), "", { value: null }],
    [field("text", { hasDefault: false }), "", { value: undefined }],
    [field("lines"), "a\n\n b \n", { value: ["a", " b "] }],
    [field("json"), '{"a": [1]}', { value: { a: [1] } }],
    [field("date"), "2026-11-23", { value: "2026-11-23" }],
    [field("time"), "07:15", { value: "07:15:00" }],
    [field("date-time"), "2026-11-23T07:15", { value: "2026-11-23T07:15:00Z" }],
  ])("%j %j", (of, text, reading) => expect(understood(of, text, "utc")).toEqual(reading));

  it("refuses a whole number that a browser would round", () => {
    expect(understood(field("integer"), "9007199254740993", "utc")).toHaveProperty("problem");
  });
});

it("writes values as they are read", () => {
  const write = (kind: Field["kind"], value: unknown) => written({ kind }, value, "utc");
  expect(write("lines", ["a", "b"])).toBe("a\nb");
  expect(write("json", { a: 1 })).toBe('{\n  "a": 1\n}');
  expect(write("json", null)).toBe("null");
  expect([write("text", null), write("text", undefined), write("integer", 0)]).toEqual(["", "", "0"]);
  expect(write("date-time", "2026-11-23T08:15:00+01:00")).toBe("2026-11-23T07:15:00");
});

it("takes instants through the browser's control unchanged, in either zone", () => {
  for (const zone of ["utc", "local"] as const) {
    expect(fromInput(toInput("2026-11-23T07:15:09Z", zone), zone)).toBe("2026-11-23T07:15:09Z");
  }
  expect([toInput("nonsense", "utc"), fromInput("", "local")]).toEqual(["", undefined]);
});
