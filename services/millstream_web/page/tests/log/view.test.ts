import { describe, expect, test } from "vitest";
import { LineStore } from "../../src/parts/log/lines";
import { offsetOf, scrollTopOf, spacer, TALLEST } from "../../src/parts/log/scroll";
import { patternOf, rangesOf, Search } from "../../src/parts/log/search";
import { ALL, cells, View } from "../../src/parts/log/view";
import { line } from "./line";

function whole(store: LineStore, filter = ALL, columns = 0): View {
  const view = new View(store, filter, columns);
  while (view.advance(3)) continue;
  return view;
}

const shown = (store: LineStore, view: View) =>
  Array.from({ length: view.length }, (_, row) => store.text(view.lineOf(row)));

const TRACE = ["before", "Traceback (most recent call last):", '  File "a.py", line 1', "    x()", "ValueError: bad", "after"];

describe("View", () => {
  test("grows with the log", () => {
    const store = new LineStore();
    store.add(1, [line(0), line(1)]);
    const view = whole(store);
    expect(view.length).toBe(2);
    store.add(1, [line(2)]);
    expect(view.advance(10)).toBe(false);
    expect(shown(store, view)).toEqual(["line 0", "line 1", "line 2"]);
  });

  test("filters by level and source", () => {
    const store = new LineStore();
    store.add(1, [
      line(0, "printed"),
      line(1, "info", { source: "task", level: "INFO" }),
      line(2, "error", { source: "task", level: "ERROR" }),
      line(3, "err", { source: "stderr" }),
    ]);
    expect(shown(store, whole(store, { ...ALL, level: 3 }))).toEqual(["error"]);
    const errors = whole(store, { ...ALL, source: "stderr" });
    expect(shown(store, errors)).toEqual(["err"]);
    expect(errors.rowOf(3)).toBe(0);
    expect(errors.rowOf(0)).toBe(0);
  });

  test("knows and folds tracebacks", () => {
    const store = new LineStore();
    store.add(1, TRACE.map((text, at) => line(at, text)));
    const open = whole(store);
    expect(Array.from({ length: 6 }, (_, row) => open.placeOf(row))).toEqual(["", "first", "inside", "inside", "last", ""]);
    const folded = whole(store, { ...ALL, isFolded: true });
    expect(shown(store, folded)).toEqual(["before", TRACE[1], "ValueError: bad", "after"]);
    const one = whole(store, { ...ALL, isFolded: true, unfolded: new Set([1]) });
    expect(one.length).toBe(6);
  });

  test("a group of exceptions ends where its lines do", () => {
    const store = new LineStore();
    const texts = ["  + Exception Group Traceback (most recent call last):", "  |   File", "  | ExceptionGroup: two", "    +---", "after"];
    store.add(1, texts.map((text, at) => line(at, text)));
    expect(shown(store, whole(store, { ...ALL, isFolded: true }))).toEqual([texts[0], "after"]);
  });

  test("rows of several heights are found by height, and back", () => {
    const store = new LineStore();
    const lines = Array.from({ length: 5000 }, (_, at) => line(at, "x".repeat((at % 7) * 10)));
    store.add(1, lines);
    const view = whole(store, ALL, 20);
    const heights = lines.map(({ text }) => Math.max(1, Math.ceil(text.length / 20)));
    let offset = 0;
    for (let row = 0; row < 5000; row++) {
      expect(view.offsetOf(row)).toBe(offset);
      expect(view.rowAt(offset)).toBe(row);
      offset += heights[row] ?? 0;
      expect(view.rowAt(offset - 1)).toBe(row);
    }
    expect(view.height).toBe(offset);
    expect(view.offsetOf(5000)).toBe(offset);
  });

  test("holds more lines than its first arrays", () => {
    const store = new LineStore();
    store.add(1, Array.from({ length: 30_000 }, (_, at) => line(at)));
    const view = whole(store);
    expect(view.length).toBe(30_000);
    expect(view.lineOf(29_999)).toBe(29_999);
    expect(store.find(1, 20_000)).toBe(20_000);
  });
});

test("cells counts columns", () => {
  expect(cells("abc")).toBe(3);
  expect(cells("你好")).toBe(4);
  expect(cells("e\u0301")).toBe(1);
  expect(cells("🎉")).toBe(2);
  expect(cells("ä")).toBe(1);
});

describe("Search", () => {
  test("finds rows in what is shown, and goes on with new lines", () => {
    const store = new LineStore();
    store.add(1, [line(0, "An error"), line(1, "fine"), line(2, "\x1b[31mer\x1b[0mror")]);
    const view = whole(store);
    const search = new Search(store, view, "error");
    while (search.advance(1)) continue;
    expect(search.found).toEqual([0, 2]);
    store.add(1, [line(3, "ERROR")]);
    view.advance(10);
    search.advance(10);
    expect(search.found).toEqual([0, 2, 3]);
    expect(search.placeOf(1)).toBe(1);
    expect(search.placeOf(9)).toBe(3);
  });

  test("capitals count where they are given, and signs are no pattern", () => {
    expect("an error".match(patternOf("ERROR"))).toBeNull();
    expect(rangesOf("a.b axb", "a.b")).toEqual([[0, 3]]);
    expect(rangesOf("aaa", "a")).toEqual([[0, 1], [1, 2], [2, 3]]);
    expect(rangesOf("aaa", "")).toEqual([]);
  });
});

test("a bar in an element of bounded height reaches all of a log", () => {
  const total = 40_000_000;
  expect(spacer(total)).toBe(TALLEST);
  expect(offsetOf(0, total, 600)).toBe(0);
  expect(offsetOf(TALLEST - 600, total, 600)).toBe(total - 600);
  expect(offsetOf(scrollTopOf(12_345_678, total, 600), total, 600)).toBeCloseTo(12_345_678);
  expect(scrollTopOf(999_999_999, total, 600)).toBe(TALLEST - 600);
  expect(offsetOf(77, 1000, 600)).toBe(77);
});
