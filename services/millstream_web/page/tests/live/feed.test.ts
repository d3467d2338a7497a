import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { choose } from "../../src/app/settings";
import { Feed } from "../../src/live/feed";
import type { LiveEvent } from "../../src/live/fold";

interface Asked {
  path: string;
  body: Record<string, unknown>;
  say: (text: string) => void;
  end: () => void;
}

const asked: Asked[] = [];
let mayAll = true;
let mayNamespace = true;

beforeEach(() => {
  asked.length = 0;
  mayAll = mayNamespace = true;
  choose({ namespace: "default" });
  vi.useFakeTimers();
  vi.stubGlobal("fetch", answer);
});

let feed: Feed;

afterEach(() => {
  feed.stop();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function answer(path: string, init: RequestInit): Promise<Response> {
  const body = JSON.parse(String(init.body)) as Record<string, unknown>;
  if (path.endsWith("GetHead")) return json({ position: "41" });
  const may = body.namespace ? mayNamespace : mayAll;
  let say: Asked["say"] = () => undefined;
  let end = () => {};
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      say = (text) => controller.enqueue(new TextEncoder().encode(text));
      end = () => controller.close();
      init.signal?.addEventListener("abort", () => controller.error(new Error("aborted")));
    },
  });
  asked.push({ path, body, say, end });
  if (!may) return json({ error: { code: "PERMISSION_DENIED", message: "no" } }, 403);
  return Promise.resolve(new Response(stream));
}

function json(value: unknown, status = 200): Promise<Response> {
  return Promise.resolve(new Response(JSON.stringify(value), { status }));
}

function event(position: number): object {
  return { event: { position: String(position), type: "TaskReady", dataJson: "{}" } };
}

async function settle(): Promise<void> {
  await vi.advanceTimersByTimeAsync(0);
  await vi.advanceTimersByTimeAsync(0);
}

function started(): number[] {
  feed = new Feed();
  const heard: number[] = [];
  feed.listen((events: LiveEvent[]) => heard.push(...events.map((each) => each.position)));
  feed.start();
  return heard;
}

test("events are heard in order, each once, whatever the pieces they come in", async () => {
  const heard = started();
  await settle();
  expect(asked[0]?.body).toEqual({ fromPosition: 42, namespace: "" });
  const text = `: open\n\nid: 44\ndata: ${JSON.stringify([event(42), event(43)])}\n\n`;
  asked[0]?.say(text.slice(0, 30));
  asked[0]?.say(text.slice(30));
  asked[0]?.say(text);
  await settle();
  expect(heard).toEqual([42, 43]);
  expect(feed.position).toBe(43);
  expect(feed.state).toBe("live");
});

test("after a break it goes on where it was", async () => {
  const heard = started();
  await settle();
  asked[0]?.say(`data: ${JSON.stringify([event(42)])}\n\n`);
  await settle();
  asked[0]?.end();
  await settle();
  expect(feed.state).toBe("cut off");
  await vi.advanceTimersByTimeAsync(1000);
  expect(asked[1]?.body.fromPosition).toBe(43);
  asked[1]?.say(`data: ${JSON.stringify([event(43)])}\n\n`);
  await settle();
  expect(heard).toEqual([42, 43]);
});

test("what is silent for long is dead", async () => {
  started();
  await settle();
  asked[0]?.say(": open\n\n");
  await settle();
  expect(feed.state).toBe("live");
  await vi.advanceTimersByTimeAsync(30_000);
  expect(asked.length).toBe(2);
});

test("who may not see the whole log watches the namespace that is shown", async () => {
  mayAll = false;
  const heard = started();
  await settle();
  expect(asked.map((each) => each.body.namespace)).toEqual(["", "default"]);
  asked[1]?.say(`data: ${JSON.stringify([event(42)])}\n\n`);
  await settle();
  expect(heard).toEqual([42]);
  expect(feed.state).toBe("live");
  choose({ namespace: "other" });
  await settle();
  expect(asked.at(-1)?.body).toEqual({ fromPosition: 43, namespace: "other" });
});

test("who may see nothing does not ask again and again", async () => {
  mayAll = mayNamespace = false;
  started();
  await settle();
  await vi.advanceTimersByTimeAsync(2000);
  expect(asked.length).toBe(2);
  expect(feed.state).toBe("cut off");
});
