import { describe, expect, test } from "vitest";
import { LineStore } from "../../src/parts/log/lines";
import { line } from "./line";

const range = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, at) => line(from + at));

describe("LineStore", () => {
  test("keeps everything of a line", () => {
    const store = new LineStore();
    store.add(2, [
      line(0, "a", { at: "2026-11-23T01:02:03.250Z", source: "task", level: "ERROR", logger: "my.log" }),
    ]);
    expect(store.line(0)).toEqual({
      index: 0,
      attempt: 2,
      number: 0,
      at: Date.parse("2026-11-23T01:02:03.250Z"),
      source: "task",
      level: "ERROR",
      logger: "my.log",
      text: "a",
    });
    expect(() => store.line(1)).toThrow(RangeError);
  });

  test("what comes again after a new connection is not there twice", () => {
    const store = new LineStore();
    store.add(1, range(0, 5000));
    store.add(1, [line(4998), line(4999), line(5000)]);
    expect(store.length).toBe(5001);
    expect(store.next(1)).toBe(5001);
    expect(store.text(5000)).toBe("line 5000");
  });

  test("a note is no line, and is said once", () => {
    const store = new LineStore();
    store.add(1, [line(0), line(-1, "lines are missing"), line(7)]);
    store.add(1, [line(-1, "lines are missing"), line(8)]);
    expect(store.length).toBe(4);
    expect(store.next(1)).toBe(9);
  });

  test("finds lines by attempt and number, behind notes and holes", () => {
    const store = new LineStore();
    store.add(1, [...range(0, 10), line(-1, "lines are missing"), ...range(20, 30)]);
    store.add(2, range(0, 5));
    expect(store.find(1, 9)).toBe(9);
    expect(store.find(1, 15)).toBe(-1);
    expect(store.find(1, 20)).toBe(11);
    expect(store.find(1, 29)).toBe(20);
    expect(store.find(1, 30)).toBe(-1);
    expect(store.find(2, 3)).toBe(24);
    expect(store.find(3, 0)).toBe(-1);
    expect(store.attempts).toEqual([1, 2]);
  });

  test("a style that a line leaves open holds for the next of its source", () => {
    const store = new LineStore();
    store.add(1, [
      line(0, "\x1b[31mred"),
      line(1, "still"),
      line(2, "other", { source: "stderr" }),
      line(3, "end\x1b[0m"),
      line(4, "plain"),
    ]);
    expect(store.styleBefore(0)).toEqual({});
    expect(store.styleBefore(1)).toEqual({ fg: 1 });
    expect(store.styleBefore(2)).toEqual({});
    expect(store.styleBefore(3)).toEqual({ fg: 1 });
    expect(store.styleBefore(4)).toEqual({});
  });
});
