import { expect, test } from "vitest";
import { ApiError, type Request } from "../../src/api/call";
import type { ReadLogResponse } from "../../src/api/types";
import { LineStore } from "../../src/parts/log/lines";
import { type LogOf, type Reading, readLog } from "../../src/parts/log/reading";
import { line } from "./line";

const OF: LogOf = { dagId: "d", runId: "r", taskId: "t", mapIndex: [], attempt: 0 };

function answer(attempt: number, from: number, to: number, more: Partial<ReadLogResponse> = {}): ReadLogResponse {
  const lines = Array.from({ length: to - from }, (_, at) => line(from + at));
  return { attempt, lines, nextLine: String(to), isEnd: false, state: "", reason: "", ...more };
}

type Step = ReadLogResponse[] | Error;

async function run(of: LogOf, connections: Step[][], { store = new LineStore(), begin = of.attempt } = {}) {
  const told: Reading[] = [];
  const asked: Request<"LogService/ReadLog">[] = [];
  async function* source(request: Request<"LogService/ReadLog">) {
    asked.push(request);
    for (const step of connections.shift() ?? []) {
      if (step instanceof Error) throw step;
      yield step;
    }
  }
  await readLog(of, store, (reading) => told.push(reading), new AbortController().signal, begin, source, async () => {});
  return { store, told, asked };
}

const END = { isEnd: true, state: "success", reason: "" };

test("goes on after a lost connection from the next line", async () => {
  const { store, told, asked } = await run(OF, [
    [[answer(1, 0, 3)], new TypeError("network error")],
    [[answer(1, 0, 0)]],
    [[answer(1, 2, 5)], [answer(1, 5, 5, END)]],
  ]);
  expect(asked.map(({ attempt, fromLine }) => [attempt, fromLine])).toEqual([[0, 0], [1, 3], [1, 3]]);
  expect(Array.from({ length: store.length }, (_, at) => store.line(at).number)).toEqual([0, 1, 2, 3, 4]);
  expect(told.map((each) => each.state)).toEqual(["live", "cut off", "live", "cut off", "live", "live", "ended"]);
});

test("retries follow where no attempt is named", async () => {
  const { store, asked, told } = await run(OF, [
    [[answer(1, 0, 2), answer(1, 2, 2, { ...END, state: "failed" })], [answer(2, 0, 1)], new ApiError({ code: "UNAVAILABLE", message: "" })],
    [[answer(2, 1, 2, END)]],
  ]);
  expect(asked[0]?.followRetries).toBe(true);
  expect(asked[1]).toMatchObject({ attempt: 2, fromLine: 1 });
  expect(store.length).toBe(4);
  expect(told.at(-1)).toEqual({ state: "ended", attempt: 2, how: "success", reason: "" });
});

test("one attempt is read alone", async () => {
  const { asked } = await run({ ...OF, attempt: 3 }, [[[answer(3, 0, 1, END)]]]);
  expect(asked).toHaveLength(1);
  expect(asked[0]).toMatchObject({ attempt: 3, followRetries: false, follow: true });
});

test("a reader who comes back goes on where it was, over the attempts since", async () => {
  const store = new LineStore();
  store.add(1, answer(1, 0, 4).lines);
  const { asked } = await run(OF, [[[answer(1, 4, 5, END), answer(2, 0, 2, END)]]], { store, begin: 1 });
  expect(asked[0]).toMatchObject({ attempt: 1, fromLine: 4, followRetries: true });
  expect(store.length).toBe(7);
});

test("what cannot be is not tried again", async () => {
  const error = new ApiError({ code: "NOT_FOUND", message: "no such attempt" });
  const { told, asked } = await run(OF, [[error]]);
  expect(asked).toHaveLength(1);
  expect(told).toEqual([{ state: "failed", error }]);
});
