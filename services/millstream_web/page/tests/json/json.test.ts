import { describe, expect, test } from "vitest";
import { Exact, parseJson, toText } from "../../src/parts/json/exact";
import { bytes, codecText, gridOf, pictureOf, typedText } from "../../src/parts/json/shapes";
import { PAGE, treeRows } from "../../src/parts/json/tree";

describe("parseJson", () => {
  test("numbers that a double cannot hold stay as they were written", () => {
    const big = "1180591620717411303424";
    expect(parseJson(`{"big": ${big}, "one": 1}`)).toEqual({ big: new Exact(big), one: 1 });
    expect(parseJson("9007199254740993")).toEqual(new Exact("9007199254740993"));
    expect(parseJson("9007199254740991")).toBe(9007199254740991);
    expect(parseJson("0.30000000000000004")).toBe(0.30000000000000004);
    expect(toText(parseJson(`[${big}]`), 0)).toBe(`[${big}]`);
  });

  test("Python's NaN and infinities, but not in texts", () => {
    expect(parseJson('[NaN, -Infinity, "NaN \\" Infinity"]')).toEqual([
      new Exact("NaN"),
      new Exact("-Infinity"),
      'NaN " Infinity',
    ]);
    expect(toText(parseJson("[NaN]"), 0)).toBe("[NaN]");
  });

  test("what is no JSON is an error", () => {
    expect(() => parseJson("{")).toThrow(SyntaxError);
  });
});

describe("treeRows", () => {
  const none = new Set<string>();
  const said = (value: unknown, opened = none, shown = new Map<string, number>()) =>
    treeRows(value, opened, shown).map((row) => (row.more ? `+${row.more}` : `${" ".repeat(row.depth)}${row.name ?? ""}=${row.text}`));

  test("only what is open is there", () => {
    const value = { a: [1, 2], b: "x" };
    expect(said(value)).toEqual(["=2 keys", " a=2 items", ' b="x"']);
    expect(said(value, new Set(['["a"]']))).toEqual(["=2 keys", " a=2 items", "  0=1", "  1=2", ' b="x"']);
    expect(said(value, new Set(["[]"]))).toEqual(["=2 keys"]);
  });

  test("a long list is cut, and more of it can be had", () => {
    const value = Array.from({ length: 250 }, (_, at) => at);
    expect(said(value)).toHaveLength(PAGE + 2);
    expect(said(value).at(-1)).toBe("+200");
    expect(said(value, none, new Map([["[]", 200]])).at(-1)).toBe("+50");
    expect(said(value, none, new Map([["[]", 300]])).at(-1)).toBe(" 249=249");
  });

  test("keys that look alike are told apart", () => {
    const value = { "a,b": { c: 1 }, a: { b: 1 } };
    const paths = treeRows(value, new Set(['["a,b"]', '["a"]']), new Map()).map((row) => row.path);
    expect(new Set(paths).size).toBe(paths.length);
  });

  test("leaves", () => {
    expect(said(null)).toEqual(["=null"]);
    expect(said([])).toEqual(["=0 items"]);
    expect(said(new Exact("NaN"))).toEqual(["=NaN"]);
    expect(said("x".repeat(3000))[0]).toMatch(/… 3,000 characters$/);
  });
});

test("a list of objects is a table", () => {
  expect(gridOf([{ a: 1 }, { a: 2, b: 3 }])?.columns).toEqual(["a", "b"]);
  expect(gridOf([{ a: 1 }])).toBeNull();
  expect(gridOf([{ a: 1 }, 2])).toBeNull();
  expect(gridOf([{ a: 1 }, { b: 1 }, { c: 1 }, { d: 1 }])).toBeNull();
  expect(gridOf([{}, {}])).toBeNull();
  expect(gridOf([[1], [2]])).toBeNull();
});

describe("pictureOf", () => {
  const png = btoa("\x89PNG\r\n\x1a\n and some more bytes");
  const jpeg = btoa("\xff\xd8\xff\xe0 and some more of them");

  test("takes what begins as a PNG or a JPEG does", () => {
    expect(pictureOf(png)).toBe(`data:image/png;base64,${png}`);
    expect(pictureOf(jpeg)).toBe(`data:image/jpeg;base64,${jpeg}`);
    expect(pictureOf({ __type__: "bytes", data: { base64: png } })).toBe(`data:image/png;base64,${png}`);
    expect(pictureOf(`data:image/png;base64,${png}`)).toBe(`data:image/png;base64,${png}`);
  });

  test("takes nothing else, whatever it says it is", () => {
    expect(pictureOf(btoa("<svg onload=alert(1)>".padEnd(40)))).toBeNull();
    expect(pictureOf(`data:image/svg+xml;base64,${png}`)).toBeNull();
    expect(pictureOf(`data:image/png;base64,${btoa("<svg onload=alert(1)></svg>")}`)).toBeNull();
    expect(pictureOf(`${png.slice(0, 20)}"><script>`)).toBeNull();
    expect(pictureOf({ __type__: "other", data: png })).toBeNull();
    expect(pictureOf("a text of some length that is no base64")).toBeNull();
    expect(pictureOf(7)).toBeNull();
  });
});

test("codecs, typed values and sizes in words", () => {
  expect(codecText("")).toBe("JSON");
  expect(codecText("packed:pandas.DataFrame")).toBe("pandas.DataFrame (packed)");
  expect(codecText("typed:datetime")).toBe("datetime (as JSON)");
  expect(typedText({ __type__: "date", value: "2026-01-02" })).toBe("date 2026-01-02");
  expect(typedText({ a: 1 })).toBeNull();
  expect([bytes(1), bytes(1023), bytes(1536), bytes(5 * 2 ** 30)]).toEqual(["1 byte", "1023 bytes", "1.5 KiB", "5.0 GiB"]);
});
