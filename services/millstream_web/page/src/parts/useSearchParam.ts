import { useEffect, useState } from "react";
import { useSearchParams } from "wouter";
import { useDebounced } from "./useDebounced";

/** A parameter of the address that is typed: at once in the field, a little later in the address. */
export function useSearchParam(name: string): { typed: string; type: (text: string) => void; asked: string } {
  const [params, setParams] = useSearchParams();
  const asked = params.get(name) ?? "";
  const [typed, type] = useState(asked);
  const settled = useDebounced(typed, 250);
  useEffect(() => {
    if (settled !== typed || settled.trim() === asked) return;
    setParams(
      (before) => {
        const after = new URLSearchParams(before);
        if (settled.trim()) after.set(name, settled.trim());
        else after.delete(name);
        return after;
      },
      { replace: true },
    );
    // Only what is typed is written; what the address says otherwise is taken below.
  }, [settled]);
  useEffect(() => type((now) => (now.trim() === asked ? now : asked)), [asked]);
  return { typed, type, asked };
}
