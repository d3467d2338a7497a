import { act } from "react";
import { createRoot } from "react-dom/client";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Toasts } from "../../src/parts/Toast";
import { done, refused } from "../../src/parts/toasts";

let box: HTMLElement;
let root: ReturnType<typeof createRoot>;

beforeEach(() => {
  vi.useFakeTimers();
  (globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = true;
  box = document.createElement("div");
  root = createRoot(box);
  act(() => root.render(<Toasts />));
});

afterEach(() => {
  act(() => root.unmount());
  vi.useRealTimers();
});

it("lets what was done go by itself, and what was refused stay until it is closed", () => {
  act(() => {
    done("Paused");
    refused("No such pool");
    refused("No such pool");
  });
  expect(box.querySelector("[role=status]")?.textContent).toContain("Paused");
  expect(box.querySelectorAll("[role=alert] .toast")).toHaveLength(1);
  act(() => void vi.advanceTimersByTime(10_000));
  expect(box.querySelector("[role=status]")?.textContent).toBe("");
  act(() => box.querySelector<HTMLButtonElement>("[role=alert] button")?.click());
  expect(box.querySelectorAll(".toast")).toHaveLength(0);
});
