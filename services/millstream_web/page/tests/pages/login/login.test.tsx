import { act } from "react";
import { afterEach, expect, test, vi } from "vitest";
import { Login } from "../../../src/pages/login/Login";
import { draw } from "../../drawn";

afterEach(() => vi.unstubAllGlobals());

async function typed(place: HTMLElement, text: string): Promise<void> {
  const input = place.querySelector("input");
  if (!input) throw new Error("no field");
  const set = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value")?.set;
  await act(async () => {
    set?.call(input, text);
    input.dispatchEvent(new Event("input", { bubbles: true }));
  });
}

async function submitted(place: HTMLElement): Promise<void> {
  await act(async () => {
    place.querySelector("form")?.dispatchEvent(new Event("submit", { bubbles: true, cancelable: true }));
  });
}

test("a token is sent once, and a good one shows the page", async () => {
  const fetched = vi.fn(() => Promise.resolve(new Response("{}")));
  const reload = vi.spyOn(location, "reload").mockImplementation(() => undefined);
  vi.stubGlobal("fetch", fetched);
  const place = await draw(<Login />);
  expect(place.querySelector("button")?.disabled).toBe(true);
  await typed(place, " ms_abc ");
  await submitted(place);
  expect(fetched).toHaveBeenCalledOnce();
  const [path, init] = fetched.mock.calls[0] as unknown as [string, RequestInit];
  expect([path, init.method, init.body]).toEqual(["/session", "POST", '{"token":"ms_abc"}']);
  expect(reload).toHaveBeenCalledOnce();
});

test("a wrong token is said, and can be mended", async () => {
  const error = { code: "UNAUTHENTICATED", message: "This token is not good." };
  vi.stubGlobal("fetch", () =>
    Promise.resolve(new Response(JSON.stringify({ error }), { status: 401 })),
  );
  const place = await draw(<Login />);
  await typed(place, "wrong");
  await submitted(place);
  expect(place.querySelector("[role=alert]")?.textContent).toContain("This token is not good.");
  expect(place.querySelector("button")?.disabled).toBe(false);
});
