import { act } from "react";
import { createRoot, type Root } from "react-dom/client";
import { afterEach, beforeEach, expect, it } from "vitest";
import { Link, Route, Router } from "wouter";
import { named, useSearchParam, useWrittenLocation } from "../../src/app/address";
import { paths } from "../../src/app/paths";

let root: Root;
let box: HTMLElement;

beforeEach(() => {
  (globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = true;
  box = document.body.appendChild(document.createElement("div"));
  root = createRoot(box);
});

afterEach(() => {
  act(() => root.unmount());
  box.remove();
});

function Shown({ dagId, runId }: { dagId: string; runId: string }) {
  const [task, setTask] = useSearchParam("task");
  return (
    <>
      <b>{JSON.stringify([dagId, runId, task])}</b>
      <button type="button" onClick={() => setTask("ä/50%&c")} />
    </>
  );
}

function shownAt(address: string): unknown {
  history.replaceState(null, "", address);
  act(() =>
    root.render(
      <Router hook={useWrittenLocation}>
        <Route path="/dags/:dagId/runs/:runId/:tab?">
          {({ dagId, runId }) => <Shown dagId={named(dagId)} runId={named(runId)} />}
        </Route>
        <Link href="/dags/x%2Fy/runs/z">other</Link>
      </Router>,
    ),
  );
  return shown();
}

const shown = (): unknown => JSON.parse(box.querySelector("b")?.textContent ?? "null");

it.each(["plain", "a/b", "50%", "a%2Fb", "ä ö", "scheduled__2026-01-01T00:00:00+00:00", "<b>?#&"])(
  "finds the name %s in the address that it was put into",
  (name) => {
    expect(shownAt(paths.run(name, name))).toEqual([name, name, null]);
  },
);

it("leads to an address as it is written in a link", () => {
  shownAt(paths.run("d", "r"));
  act(() => box.querySelector("a")?.click());
  expect(shown()).toEqual(["x/y", "z", null]);
});

it("keeps a choice in the address, and the path as it was", () => {
  const path = paths.run("a/50%", "r:1");
  shownAt(`${path}?at=7`);
  act(() => box.querySelector("button")?.click());
  expect(shown()).toEqual(["a/50%", "r:1", "ä/50%&c"]);
  expect(window.location.pathname).toBe(path);
  expect(new URLSearchParams(window.location.search).get("at")).toBe("7");
});
