import { useEffect, useState } from "react";
import { useSearchParam } from "../app/address";
import { useDebounced } from "./useDebounced";

interface Typed {
  typed: string;
  type: (text: string) => void;
  /** What the address says. */
  asked: string;
}

/** A parameter of the address that is typed: at once in the field, a little later in the address. */
export function useTypedParam(name: string): Typed {
  const [asked = "", ask] = useSearchParam(name);
  const [typed, type] = useState(asked);
  const settled = useDebounced(typed, 250);
  useEffect(() => {
    if (settled === typed && settled.trim() !== asked) ask(settled.trim());
    // Only what is typed is written; what the address says otherwise is taken below.
  }, [settled]);
  useEffect(() => type((now) => (now.trim() === asked ? now : asked)), [asked]);
  return { typed, type, asked };
}
