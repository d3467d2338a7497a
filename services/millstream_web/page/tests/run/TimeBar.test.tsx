import { act } from "react";
import { expect, test, vi } from "vitest";
import { TimeBar } from "../../src/pages/run/TimeBar";
import { draw } from "../drawn";
import { event } from "../gantt/event";

const EVENTS = ["RunCreated", "RunStarted", "TaskStarted", "TaskFailed", "RunFailed"].map((type, at) =>
  event(at + 1, type, at),
);
const TIMES = EVENTS.map((each) => Date.parse(each.recordedAt ?? ""));

async function bar(index: number, isLive = false) {
  const choose = vi.fn();
  const place = await draw(<TimeBar events={EVENTS} times={TIMES} index={index} isLive={isLive} choose={choose} />);
  const slider = place.querySelector<HTMLElement>("[role=slider]");
  const press = (key: string) =>
    act(async () => slider?.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true })));
  return { choose, slider, press, place };
}

test("the arrows go from event to event, and the end is now", async () => {
  const { choose, press, slider } = await bar(2);
  expect(slider?.getAttribute("aria-valuenow")).toBe("3");
  expect(slider?.getAttribute("aria-valuetext")).toContain("TaskStarted a");
  for (const key of ["ArrowLeft", "ArrowRight", "Home", "End", "PageUp", "PageDown"]) await press(key);
  expect(choose.mock.calls.map(([at]) => at)).toEqual([1, 3, 0, undefined, undefined, 0]);
});

test("now is said to be now", async () => {
  const { slider, place, choose } = await bar(4, true);
  expect(slider?.getAttribute("aria-valuetext")).toBe("now");
  const now = [...place.querySelectorAll("button")].find((each) => each.textContent === "Now");
  expect(now?.getAttribute("aria-pressed")).toBe("true");
  await act(async () => now?.click());
  expect(choose).toHaveBeenCalledWith(undefined);
});
