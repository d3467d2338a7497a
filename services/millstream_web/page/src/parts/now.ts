/** The time, as a component that shows it needs it. */
import { useEffect, useState } from "react";

const listeners = new Set<(now: number) => void>();
let timer: ReturnType<typeof setInterval> | undefined;

/** Now, anew each second as long as `moves`. One timer serves the page. */
export function useNow(moves = true): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (!moves) return;
    listeners.add(setNow);
    timer ??= setInterval(() => {
      const at = Date.now();
      for (const listener of listeners) listener(at);
    }, 1000);
    return () => {
      listeners.delete(setNow);
      if (!listeners.size) {
        clearInterval(timer);
        timer = undefined;
      }
    };
  }, [moves]);
  return now;
}
