import { act } from "react";
import { afterEach, expect, test, vi } from "vitest";
import { LogViewer } from "../../src/parts/log/LogViewer";
import { draw } from "../drawn";

const OF = { dagId: "d", runId: "r", taskId: "t", mapIndex: [], attempt: 0 };

/** A service that answers with these lines, and the end of the attempt. */
function answers(texts: string[]): void {
  const lines = texts.map((text, number) => ({ number: String(number), text, source: "stdout", level: "", logger: "" }));
  const body = [
    { attempt: 1, lines, nextLine: String(lines.length), isEnd: false, state: "", reason: "" },
    { attempt: 1, lines: [], nextLine: String(lines.length), isEnd: true, state: "success", reason: "" },
  ];
  vi.stubGlobal("fetch", async () => new Response(body.map((each) => `${JSON.stringify(each)}\n`).join("")));
}

afterEach(() => vi.unstubAllGlobals());

async function open(line?: number): Promise<HTMLElement> {
  const place = await draw(
    <LogViewer of={OF} line={line} linkOf={({ number }) => `#L${number + 1}`} begun={1} fileName="t.log" />,
  );
  // What comes is drawn when it comes, and not when a test says so.
  const world = globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean };
  world.IS_REACT_ACT_ENVIRONMENT = false;
  await vi.waitFor(() => expect(place.textContent).toContain("ended: success"));
  world.IS_REACT_ACT_ENVIRONMENT = true;
  await act(async () => {});
  return place;
}

test("of many lines only those that are seen are in the document, and markup is text", async () => {
  answers(Array.from({ length: 5000 }, (_, at) => `<i>line ${at}</i>`));
  const place = await open();
  expect(place.textContent).toContain("5,000 lines");
  const shown = place.querySelectorAll(".line");
  expect(shown.length).toBeGreaterThan(5);
  expect(shown.length).toBeLessThan(100);
  expect(place.querySelector("i")).toBeNull();
});

test("colours are classes, and the line of the address is marked", async () => {
  answers(["plain", "\x1b[1;31mred\x1b[0m", "third"]);
  const place = await open(2);
  expect(place.querySelector(".fg-1.is-bold")?.textContent).toBe("red");
  expect(place.querySelector(".line.chosen .no")?.textContent).toBe("2");
});
