/** The moment at which the run is looked at: the position that the address has, or now. */
import { useCallback, useEffect, useRef, useState } from "react";
import { useSearchParam } from "../../app/address";

// A browser refuses an address that changes many times a second.
const WRITE_MS = 250;

/** Undefined: now. What is chosen is in the address a moment after the last change. */
export function useMoment(): [number | undefined, (position: number | undefined) => void] {
  const [text, write] = useSearchParam("at");
  const written = momentOf(text);
  const [chosen, setChosen] = useState(written);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => setChosen(written), [written]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const choose = useCallback(
    (position: number | undefined) => {
      setChosen(position);
      clearTimeout(timer.current);
      timer.current = setTimeout(() => write(position?.toString()), WRITE_MS);
    },
    [write],
  );
  return [chosen, choose];
}

export function momentOf(text: string | undefined): number | undefined {
  const at = Number(text);
  return Number.isSafeInteger(at) && at > 0 ? at : undefined;
}
