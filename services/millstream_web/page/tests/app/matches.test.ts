import { describe, expect, it } from "vitest";
import { fit, type Goal, matches } from "../../src/app/matches";

const goal = (name: string): Goal => ({ kind: "DAG", name, to: `/dags/${name}` });

describe("matches", () => {
  it("puts the whole name before a beginning, a word, a part and scattered letters", () => {
    const names = ["s-a-x-l-e-s", "unsales", "my_sales", "sales_daily", "sales"];
    expect(matches(names.map(goal), "Sales").map((each) => each.name)).toEqual(names.toReversed());
  });

  it("leaves out what does not fit, and keeps the order where nothing is typed", () => {
    expect(matches([goal("orders"), goal("rows")], "ow").map((each) => each.name)).toEqual(["rows"]);
    expect(matches([goal("long name"), goal("b")], "").map((each) => each.name)).toEqual(["long name", "b"]);
  });

  it("gives no more than asked for", () => {
    expect(matches(Array.from({ length: 50 }, (_, n) => goal(`d${n}`)), "d", 5)).toHaveLength(5);
  });

  it("takes one letter for no scattered name, and letters of any script", () => {
    expect(fit("abc", "c")).toBe(40);
    expect(fit("müll_über", "üb")).toBe(60);
    expect(fit("abc", "ca")).toBe(0);
  });
});
