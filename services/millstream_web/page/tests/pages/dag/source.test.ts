import { expect, it } from "vitest";
import type { DeadlineSpec } from "../../../src/api/types";
import { assetsOf, callbacksOf, deadlineInWords } from "../../../src/pages/dag/facts";
import { pythonLines } from "../../../src/pages/dag/highlight";
import { spec, task } from "../../specs";

const plain = (source: string) =>
  pythonLines(source).map((line) => line.map(({ text }) => text).join(""));

it("colours Python and leaves every character as it was", () => {
  const source = 'def f(x):\n    """Two\n    lines."""\n\n    return "<b>" + x  # ü\n';
  expect(plain(source).join("\n")).toBe(source);
  const [first] = pythonLines(source);
  expect(first?.[0]).toEqual({ text: "def", look: "hljs-keyword" });
});

it("goes on colouring a string in each of its lines", () => {
  const lines = pythonLines('x = """a\nb\nc"""');
  expect(lines[1]).toEqual([{ text: "b", look: "hljs-string" }]);
});

it("names each asset once, with the tasks that read or write it", () => {
  const asset = { asset: { name: "orders", uri: "s3://orders", group: "" } };
  const found = assetsOf(
    spec([
      task("a", [], { inlets: [], outlets: [asset] }),
      task("b", [], { inlets: [asset, { alias: { name: "x" } }], outlets: [asset] }),
    ]),
  );
  expect(found.writes).toEqual(["orders at s3://orders (a, b)"]);
  expect(found.reads).toEqual(["alias x (b)", "orders at s3://orders (b)"]);
});

it("says deadlines and callbacks in words", () => {
  const deadline = { name: "report", reference: "logical_date", intervalS: 7200, at: "" };
  expect(deadlineInWords(deadline as DeadlineSpec)).toBe("report: 2 h 0 m after its logical date");
  const found = { ...spec([task("a", [], { callbacks: ["failure"] })]), callbacks: ["success"] };
  expect(callbacksOf(found)).toEqual(["the DAG: success", "a: failure"]);
});
