/** What a reader chose for this browser. */
import { useSyncExternalStore } from "react";

export interface Settings {
  theme: "system" | "light" | "dark";
  zone: "local" | "utc";
  namespace: string;
  /** Which way the graph of a DAG goes. */
  graphDirection: "right" | "down";
}

const KEY = "millstream.settings";
const DEFAULTS: Settings = {
  theme: "system",
  zone: "local",
  namespace: "default",
  graphDirection: "right",
};
const listeners = new Set<() => void>();

export let settings: Settings = load();

function load(): Settings {
  try {
    return { ...DEFAULTS, ...(JSON.parse(localStorage.getItem(KEY) ?? "{}") as Partial<Settings>) };
  } catch {
    return DEFAULTS;
  }
}

/** Change some of it, here and for the next visit. */
export function choose(part: Partial<Settings>): void {
  settings = { ...settings, ...part };
  try {
    localStorage.setItem(KEY, JSON.stringify(settings));
  } catch {
    // A browser that keeps nothing keeps this neither.
  }
  apply();
  for (const listener of listeners) listener();
}

/** Let the document look as the settings say. */
export function apply(): void {
  const root = document.documentElement;
  if (settings.theme === "system") root.removeAttribute("data-theme");
  else root.dataset.theme = settings.theme;
}

/** Hear when some of it changes. Returns how to stop. */
export function onSettings(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** The settings; the component is drawn again when they change. */
export function useSettings(): Settings {
  return useSyncExternalStore(
    onSettings,
    () => settings,
  );
}
