/** The moment at which the run is looked at: the position that the address has, or now. */
import { useCallback, useEffect, useRef, useState } from "react";
import { useLocation, useSearch } from "wouter";

// A browser refuses an address that changes many times a second.
const WRITE_MS = 250;

/** Undefined: now. What is chosen is in the address a moment after the last change. */
export function useMoment(): [number | undefined, (position: number | undefined) => void] {
  const search = useSearch();
  const [path, go] = useLocation();
  const written = momentOf(search);
  const [chosen, setChosen] = useState(written);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => setChosen(written), [written]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const choose = useCallback(
    (position: number | undefined) => {
      setChosen(position);
      clearTimeout(timer.current);
      timer.current = setTimeout(() => {
        const at = position === undefined ? "" : `?at=${position}`;
        go(`${path}${at}`, { replace: true });
      }, WRITE_MS);
    },
    [path, go],
  );
  return [chosen, choose];
}

export function momentOf(search: string): number | undefined {
  const at = Number(new URLSearchParams(search).get("at"));
  return Number.isInteger(at) && at > 0 ? at : undefined;
}
