import { expect, it } from "vitest";
import { countOf } from "../../src/pages/home/counts";
import { begun, MOST, ticked } from "../../src/pages/home/ticker";
import { event } from "../event";

it("puts the newest event first, and keeps no more than can be read", () => {
  const many = Array.from({ length: 300 }, (_, position) => event("TaskStarted", { position }));
  const rows = ticked([], many, "default");
  expect([rows.length, rows[0]?.position, rows.at(-1)?.position]).toEqual([MOST, 299, 200]);
  expect(ticked(rows, [event("RunFailed", { position: 300 })], "default")[0]?.position).toBe(300);
});

it("leaves out what only plans, and other namespaces, but not what is of none", () => {
  const rows = [event("RunStarted")];
  expect(ticked(rows, [event("TaskReady"), event("RunStarted", { namespace: "other" })], "default")).toBe(rows);
  expect(ticked(rows, [event("UserCreated", { namespace: "", dagId: "" })], "default")).toHaveLength(2);
});

it("counts a state that nothing is in as none", () => {
  expect([countOf([{ state: "a", count: 2 }], "a"), countOf([] as { state: string; count: number }[], "a")]).toEqual([2, 0]);
});

it("begins with what had happened, and shows nothing twice", () => {
  const rows = [event("RunFailed", { position: 9 }), event("RunStarted", { position: 8 })];
  const past = [7, 8].map((position) => event("RunCreated", { position }));
  expect(begun(rows, past, "default").map((each) => each.position)).toEqual([9, 8, 7]);
  expect(begun([], past, "default").map((each) => each.position)).toEqual([8, 7]);
});
