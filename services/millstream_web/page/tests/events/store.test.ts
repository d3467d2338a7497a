import { expect, test } from "vitest";
import type { Event } from "../../src/api/types";
import { EventStore } from "../../src/parts/events/store";
import { event } from "../gantt/event";

const OF = { namespace: "default", dagId: "d", runId: "r" };
const signal = new AbortController().signal;

function wire(position: number): Event {
  const { data: _data, ...rest } = event(position, "TaskStarted", position);
  return { ...rest, position: String(position) };
}

/** An API with these events, in pages of two. */
function api(all: Event[], between: () => void = () => {}) {
  return (async (_method: string, request: { fromPosition: number }) => {
    const left = all.filter((each) => Number(each.position) >= request.fromPosition);
    const page = left.slice(0, 2);
    between();
    return { events: page, nextPosition: left[2]?.position ?? "0" };
  }) as unknown as ConstructorParameters<typeof EventStore>[2];
}

const positions = (store: EventStore) => store.events.map((each) => each.position);

test("loads page after page, and hears of what comes meanwhile, each once", async () => {
  let isFirst = true;
  const store: EventStore = new EventStore(OF, 100, api([1, 3, 5, 7].map(wire), () => {
    if (isFirst) store.take([event(7, "TaskStarted", 7), event(8, "TaskSucceeded", 8)]);
    isFirst = false;
  }));
  await store.load(signal);
  expect(store.state).toBe("whole");
  expect(positions(store)).toEqual([1, 3, 5, 7, 8]);
  store.take([event(8, "TaskSucceeded", 8), event(9, "RunSucceeded", 9), event(10, "TaskStarted", 9, { runId: "other" })]);
  expect(positions(store)).toEqual([1, 3, 5, 7, 8, 9]);
});

test("more than the most is not loaded", async () => {
  const store = new EventStore(OF, 3, api([1, 2, 3, 4, 5, 6].map(wire)));
  await store.load(signal);
  expect(store.state).toBe("cut");
  expect(positions(store)).toEqual([1, 2, 3, 4]);
  store.take([event(9, "RunSucceeded", 9)]);
  expect(positions(store)).toHaveLength(4);
});

test("a failure is said, and loading goes on where it was", async () => {
  let fails = true;
  const good = api([1, 2, 3].map(wire));
  const store = new EventStore(OF, 100, (async (...args: Parameters<NonNullable<typeof good>>) => {
    if (fails) throw new Error("away");
    return good?.(...args);
  }) as typeof good);
  await store.load(signal);
  expect([store.state, store.error?.message]).toEqual(["failed", "away"]);
  fails = false;
  await store.load(signal);
  expect(positions(store)).toEqual([1, 2, 3]);
});
