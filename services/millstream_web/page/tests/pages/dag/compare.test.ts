import { describe, expect, it } from "vitest";
import { countOf, paired, shortened, unified } from "../../../src/pages/dag/compare";

const text = (...lines: string[]) => lines.map((line) => `${line}\n`).join("");
const numbers = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => String(from + index));

describe("two texts", () => {
  it("stand in pairs: what came beside what was taken away", () => {
    expect(paired(text("a", "b", "c"), text("a", "B", "B2", "c"))).toEqual([
      { kind: "same", left: { number: 1, text: "a" }, right: { number: 1, text: "a" } },
      { kind: "changed", left: { number: 2, text: "b" }, right: { number: 2, text: "B" } },
      { kind: "changed", right: { number: 3, text: "B2" } },
      { kind: "same", left: { number: 3, text: "c" }, right: { number: 4, text: "c" } },
    ]);
  });

  it("are compared also where one of them is empty, or ends without a line break", () => {
    expect(countOf(paired("", text("a", "b")))).toEqual({ added: 2, removed: 0 });
    expect(countOf(paired(text("a"), ""))).toEqual({ added: 0, removed: 1 });
    expect(paired("a", "a")).toHaveLength(1);
    expect(paired("", "")).toEqual([]);
  });

  it("keep every line of both sides, in order", () => {
    const before = numbers(1, 60);
    const after = [...numbers(5, 30), "x", ...numbers(20, 70)];
    const pairs = paired(text(...before), text(...after));
    expect(pairs.flatMap(({ left }) => left?.text ?? [])).toEqual(before);
    expect(pairs.flatMap(({ right }) => right?.text ?? [])).toEqual(after);
  });
});

describe("what is shown", () => {
  const pairs = paired(text(...numbers(1, 20)), text(...numbers(1, 9), "new", ...numbers(10, 20)));

  it("is the changes with some lines around them", () => {
    const rows = shortened(pairs);
    expect(rows[0]).toEqual({ kind: "gap", lines: 6 });
    expect(rows.at(-1)).toEqual({ kind: "gap", lines: 8 });
    expect(rows).toHaveLength(1 + 3 + 1 + 3 + 1);
  });

  it("is everything if that is wanted", () => {
    expect(shortened(pairs, true)).toEqual(pairs);
  });

  it("is in one column first what was taken away, then what came", () => {
    const rows = unified(shortened(paired(text("a", "b"), text("c", "d"))));
    const said = rows.map((row) =>
      row.kind === "gap" ? "" : row.left ? `-${row.left.text}` : `+${row.right?.text}`,
    );
    expect(said).toEqual(["-a", "-b", "+c", "+d"]);
  });
});
