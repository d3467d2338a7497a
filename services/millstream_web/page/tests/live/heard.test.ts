import { expect, it } from "vitest";
import { Heard } from "../../src/live/heard";
import { event } from "../events";

it("gives what came after a position, in order", () => {
  const heard = new Heard();
  const all = [event("TaskReady"), event("TaskStarted"), event("TaskSucceeded")];
  heard.add(all.slice(0, 2));
  heard.add(all.slice(2));
  expect(heard.since(all[0]!.position)).toEqual(all.slice(1));
  expect(heard.since(all[2]!.position)).toEqual([]);
});

it("forgets what is long ago", () => {
  const heard = new Heard();
  const first = event("TaskReady");
  heard.add([first]);
  for (let round = 0; round < 11; round += 1) {
    heard.add(Array.from({ length: 1000 }, () => event("TaskStarted")));
  }
  expect(heard.since(0)).not.toContain(first);
  expect(heard.since(0).length).toBeGreaterThanOrEqual(5000);
});
