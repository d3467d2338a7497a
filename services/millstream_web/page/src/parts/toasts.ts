/** What was done or refused, said for a while in a corner of the page. */
import { useSyncExternalStore } from "react";

export interface Toast {
  id: number;
  kind: "done" | "refused";
  text: string;
  /** Where to look at it. */
  to?: string;
}

const MOST = 4;
let shown: readonly Toast[] = [];
let last = 0;
const listeners = new Set<() => void>();

function become(next: readonly Toast[]): void {
  shown = next;
  for (const listener of listeners) listener();
}

/** Say something. The same words twice are shown once. */
export function say(toast: Omit<Toast, "id">): void {
  last += 1;
  const others = shown.filter((each) => each.text !== toast.text || each.kind !== toast.kind);
  become([...others, { ...toast, id: last }].slice(-MOST));
}

export const done = (text: string, to?: string) => say({ kind: "done", text, ...(to ? { to } : {}) });

export const refused = (text: string) => say({ kind: "refused", text });

export function dismiss(id: number): void {
  become(shown.filter((each) => each.id !== id));
}

export function useToasts(): readonly Toast[] {
  return useSyncExternalStore(
    (changed) => {
      listeners.add(changed);
      return () => listeners.delete(changed);
    },
    () => shown,
  );
}
