/** The keys of the page: one registry, so that the list that `?` shows is what there is. */
import { useEffect, useRef } from "react";

export interface Key {
  /** `?`, `ctrl+k`, or one after the other: `g h`. */
  keys: string;
  /** What it does, in words. */
  what: string;
  act: () => void;
}

/** What of a keyboard event decides. */
export type Pressed = Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "altKey">;

/** The second key of a sequence comes within this time. */
const PATIENCE_MS = 1200;

export class Keys {
  private known: Key[] = [];
  private begun = "";
  private begunAt = 0;

  /** Know a key until what this returns is called. The key that came last goes first. */
  add(key: Key): () => void {
    this.known = [key, ...this.known];
    return () => {
      this.known = this.known.filter((each) => each !== key);
    };
  }

  /** What can be pressed now, each combination once. */
  list(): Key[] {
    const first = new Map(this.known.toReversed().map((each) => [each.keys, each]));
    return [...first.values()];
  }

  /** Take a key press at an instant in milliseconds. Whether it meant something. */
  press(event: Pressed, at: number): boolean {
    const one = nameOf(event);
    if (!one) return false;
    const begun = at - this.begunAt < PATIENCE_MS ? this.begun : "";
    this.begun = "";
    for (const said of begun ? [`${begun} ${one}`, one] : [one]) {
      const found = this.known.find((each) => each.keys === said);
      if (found) {
        found.act();
        return true;
      }
    }
    if (!this.known.some((each) => each.keys.startsWith(`${one} `))) return false;
    this.begun = one;
    this.begunAt = at;
    return true;
  }
}

function nameOf({ key, ctrlKey, metaKey, altKey }: Pressed): string {
  if (altKey || ["Shift", "Control", "Meta", "Alt"].includes(key)) return "";
  const name = key.length === 1 ? key.toLowerCase() : key;
  return ctrlKey || metaKey ? `ctrl+${name}` : name;
}

/** Whether a key belongs to what has the focus: somebody writes there. */
export function isWriting(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement) {
    return !["checkbox", "radio", "button", "submit", "range"].includes(target.type);
  }
  return target.isContentEditable || ["TEXTAREA", "SELECT"].includes(target.tagName);
}

export const keys = new Keys();

/** Listen for keys. In a field, and while a window is open, only those with Ctrl count. */
export function listenForKeys(): () => void {
  const take = (event: KeyboardEvent) => {
    const isCommand = event.ctrlKey || event.metaKey;
    if (event.defaultPrevented || event.isComposing) return;
    if (!isCommand && (isWriting(event.target) || document.querySelector("dialog[open]"))) return;
    if (keys.press(event, event.timeStamp)) event.preventDefault();
  };
  document.addEventListener("keydown", take);
  return () => document.removeEventListener("keydown", take);
}

/** Have keys as long as the component is shown. The combinations do not change meanwhile. */
export function useKeys(list: readonly Key[]): void {
  const latest = useRef(list);
  latest.current = list;
  useEffect(() => {
    const stops = latest.current.map((key, index) =>
      keys.add({ ...key, act: () => latest.current[index]?.act() }),
    );
    return () => {
      for (const stop of stops) stop();
    };
  }, []);
}
