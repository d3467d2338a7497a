/** Who uses this page, and whether they have to log in first. */
import { useSyncExternalStore } from "react";
import { ApiError, onUnauthenticated, send } from "../api/call";
import type { RoleBinding, WhoAmIResponse } from "../api/types";
import { choose, settings } from "./settings";

export interface Session {
  /** Nothing is known before the web service has said something. */
  state: "asking" | "stranger" | "known";
  user: WhoAmIResponse | null;
}

interface Said {
  isLoginNeeded: boolean;
  user: WhoAmIResponse | null;
}

const listeners = new Set<() => void>();
let session: Session = { state: "asking", user: null };

function become(next: Session): void {
  session = next;
  for (const listener of listeners) listener();
}

/** Ask who we are. Calls `known` when there is no need to log in, and `lost` when there is again. */
export async function begin(known: () => void, lost: () => void): Promise<void> {
  onUnauthenticated(() => {
    become({ state: "stranger", user: null });
    lost();
  });
  let said: Said;
  try {
    const response = await send("/session", undefined, { method: "GET" });
    said = (await response.json()) as Said;
  } catch {
    // The pages say what is wrong, and whoever has to log in is told so by their first call.
    said = { isLoginNeeded: false, user: null };
  }
  if (said.isLoginNeeded) return become({ state: "stranger", user: null });
  if (said.user) choose({ namespace: placeOf(said.user.roles, settings.namespace) });
  become({ state: "known", user: said.user });
  known();
}

/** Log in, and see the page anew. Throws ApiError. */
export async function logIn(token: string): Promise<void> {
  await send("/session", { token });
  location.reload();
}

/** Log out, and see the page anew. Throws ApiError. */
export async function logOut(): Promise<void> {
  try {
    await send("/session", undefined, { method: "DELETE" });
  } catch (error) {
    if (!(error instanceof ApiError) || error.isPassing) throw error;
  }
  location.reload();
}

/** The namespace to show: the one that is shown, or else one in which they may do something. */
export function placeOf(roles: readonly RoleBinding[], shown: string): string {
  const places = roles.map((role) => role.namespace);
  if (!places.length || places.includes("*") || places.includes(shown)) return shown;
  return [...places].sort()[0] ?? shown;
}

/** The session; the component is drawn again when it changes. */
export function useSession(): Session {
  return useSyncExternalStore(
    (changed) => {
      listeners.add(changed);
      return () => listeners.delete(changed);
    },
    () => session,
  );
}
