import { act } from "react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { call } from "../../src/api/call";
import type { RoleBinding } from "../../src/api/types";
import { begin, placeOf, useSession } from "../../src/app/session";
import { settings } from "../../src/app/settings";
import { shown } from "../drawn";

afterEach(() => vi.unstubAllGlobals());
beforeEach(() => localStorage.clear());

function role(namespace: string): RoleBinding {
  return { subject: "ada", role: "ROLE_VIEWER", namespace, dagId: "", grantedBy: "" };
}

function web(status: number, body: unknown): void {
  vi.stubGlobal("fetch", () => Promise.resolve(new Response(JSON.stringify(body), { status })));
}

test("the namespace that is shown is one in which they may do something", () => {
  expect(placeOf([role("*")], "x")).toBe("x");
  expect(placeOf([role("b"), role("a")], "b")).toBe("b");
  expect(placeOf([role("b"), role("a")], "default")).toBe("a");
  expect(placeOf([], "default")).toBe("default");
});

test("somebody who is known sees the page, and the feed begins", async () => {
  const known = vi.fn();
  web(200, { isLoginNeeded: false, user: { name: "ada", roles: [role("team")] } });
  await act(() => begin(known, () => undefined));
  expect(known).toHaveBeenCalledOnce();
  expect(settings.namespace).toBe("team");
  expect(shown(() => useSession().state)).toBe("known");
});

test("who has to log in sees no page, and the feed does not begin", async () => {
  const known = vi.fn();
  web(200, { isLoginNeeded: true, user: null });
  await act(() => begin(known, () => undefined));
  expect(known).not.toHaveBeenCalled();
  expect(shown(() => useSession().state)).toBe("stranger");
});

test("while the api is away the pages say so", async () => {
  const known = vi.fn();
  web(503, { error: { code: "UNAVAILABLE", message: "away" } });
  await act(() => begin(known, () => undefined));
  expect(known).toHaveBeenCalledOnce();
});

test("a call that is refused for want of a login asks for one", async () => {
  web(200, { isLoginNeeded: false, user: null });
  const lost = vi.fn();
  await act(() => begin(() => undefined, lost));
  web(401, { error: { code: "UNAUTHENTICATED", message: "who?" } });
  await act(() => expect(call("RunService/ListRuns", {})).rejects.toThrow("who?"));
  expect(lost).toHaveBeenCalledOnce();
  expect(shown(() => useSession().state)).toBe("stranger");
});
