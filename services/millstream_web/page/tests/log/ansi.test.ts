import { describe, expect, test } from "vitest";
import { hasEscapes, parseAnsi, PLAIN, stripAnsi } from "../../src/parts/log/ansi";

const texts = (line: string) => parseAnsi(line).spans.map((span) => span.text);
const style = (line: string) => parseAnsi(line).spans.at(-1)?.style;

describe("parseAnsi", () => {
  test("leaves plain text alone", () => {
    expect(parseAnsi("a [31m b")).toEqual({ spans: [{ text: "a [31m b", style: PLAIN }], end: PLAIN });
    expect(parseAnsi("")).toEqual({ spans: [], end: PLAIN });
  });

  test("the sixteen colours, bold and reset", () => {
    const { spans, end } = parseAnsi("a\x1b[1;31mb\x1b[22mc\x1b[0md");
    expect(spans).toEqual([
      { text: "a", style: {} },
      { text: "b", style: { bold: true, fg: 1 } },
      { text: "c", style: { fg: 1 } },
      { text: "d", style: {} },
    ]);
    expect(end).toBe(PLAIN);
    expect(style("\x1b[97;104mx")).toEqual({ fg: 15, bg: 12 });
    expect(style("\x1b[31m\x1b[39mx")).toEqual({});
    expect(style("\x1b[mx")).toEqual({});
  });

  test("256 colours", () => {
    expect(style("\x1b[38;5;9mx")).toEqual({ fg: 9 });
    expect(style("\x1b[38;5;16mx")).toEqual({ fg: "#000000" });
    expect(style("\x1b[48;5;208mx")).toEqual({ bg: "#ff8700" });
    expect(style("\x1b[38;5;255mx")).toEqual({ fg: "#eeeeee" });
    expect(style("\x1b[38;5;999mx")).toEqual({});
  });

  test("true colours, and what comes after them", () => {
    expect(style("\x1b[38;2;1;2;255;1mx")).toEqual({ fg: "#0102ff", bold: true });
    expect(style("\x1b[38;2;1;2mx")).toEqual({});
  });

  test("a style that is open goes on in the next line", () => {
    const { end } = parseAnsi("\x1b[33mwarn");
    expect(parseAnsi("more", end).spans).toEqual([{ text: "more", style: { fg: 3 } }]);
  });

  test("cursor movements, titles, links and bells are dropped", () => {
    expect(texts("\x1b[2K\x1b[1Ga\x1b[?25lb\x1b]0;title\x07c\x1b]8;;http://x\x1b\\d\x07\x1b(Be")).toEqual([
      "abcde",
    ]);
  });

  test("a sequence that is cut off shows nothing", () => {
    expect(texts("a\x1b[3")).toEqual(["a"]);
    expect(texts("a\x1b")).toEqual(["a"]);
    expect(texts("a\x1b]0;ti")).toEqual(["a"]);
  });

  test("of a progress bar the last state is seen", () => {
    expect(texts("10%\r50%\r100%\r")).toEqual(["100%"]);
  });

  test("markup stays text", () => {
    expect(texts("\x1b[31m<script>alert(1)</script>")).toEqual(["<script>alert(1)</script>"]);
  });
});

test("stripAnsi gives what is seen", () => {
  expect(stripAnsi("\x1b[1ma\x1b[0m\tb")).toBe("a\tb");
  expect(stripAnsi("ä 你好")).toBe("ä 你好");
  expect(hasEscapes("\x1b[0m")).toBe(true);
  expect(hasEscapes("no")).toBe(false);
});
