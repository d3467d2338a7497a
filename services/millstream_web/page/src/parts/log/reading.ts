/** The stream of a log into its store, and on after a lost connection: no line is lost or repeated. */
import { ApiError, type Request, stream } from "../../api/call";
import type { ReadLogResponse } from "../../api/types";
import type { LineStore } from "./lines";
import { Slice } from "./slices";

export interface LogOf {
  namespace?: string;
  dagId: string;
  runId: string;
  taskId: string;
  mapIndex: number[];
  /** 0: the latest, and those that come after it. */
  attempt: number;
}

export type Reading =
  | { state: "opening" | "live" }
  | { state: "cut off"; why: string }
  | { state: "ended"; attempt: number; how: string; reason: string }
  | { state: "failed"; error: Error };

type Source = (request: Request<"LogService/ReadLog">, signal: AbortSignal) => AsyncGenerator<ReadLogResponse[]>;

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 5000;

/**
 * Read until the attempt, or the task, is over. `told` hears of each change. `begin`: the attempt to
 * begin with, from its next line on; 0 where `of` names none and the latest is wanted.
 */
export async function readLog(
  of: LogOf,
  store: LineStore,
  told: (reading: Reading) => void,
  signal: AbortSignal,
  begin = of.attempt,
  source: Source = (request, aborted) => stream("LogService/ReadLog", request, aborted),
  wait: (ms: number) => Promise<void> = (ms) => waitOrEnd(ms, signal),
): Promise<void> {
  let attempt = begin;
  let delay = FIRST_WAIT_MS;
  while (!signal.aborted) {
    try {
      let last: ReadLogResponse | undefined;
      const slice = new Slice();
      for await (const answers of source(requestOf(of, attempt, store), signal)) {
        for (const answer of answers) {
          last = answer;
          attempt = answer.attempt;
          store.add(attempt, answer.lines);
        }
        delay = FIRST_WAIT_MS;
        told({ state: "live" });
        await slice.rest();
      }
      if (last?.isEnd) {
        told({ state: "ended", attempt, how: last.state, reason: last.reason });
        return;
      }
      told({ state: "cut off", why: "The connection ended." });
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof ApiError && !error.isPassing) {
        told({ state: "failed", error });
        return;
      }
      told({ state: "cut off", why: error instanceof Error ? error.message : String(error) });
    }
    await wait(delay * (0.5 + Math.random()));
    delay = Math.min(delay * 2, LONGEST_WAIT_MS);
  }
}

function requestOf(of: LogOf, attempt: number, store: LineStore): Request<"LogService/ReadLog"> {
  return {
    ...of,
    attempt,
    fromLine: attempt ? store.next(attempt) : 0,
    follow: true,
    followRetries: of.attempt === 0,
  };
}

function waitOrEnd(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
