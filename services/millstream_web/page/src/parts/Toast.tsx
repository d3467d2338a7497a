import { useEffect, useState } from "react";
import { Link } from "wouter";
import { dismiss, type Toast, useToasts } from "./toasts";

/** What was done goes by itself; what was refused stays until it is closed. */
const DONE_MS = 6000;

/** The corner for toasts. Both regions are always there, or nobody hears what comes into them. */
export function Toasts() {
  const toasts = useToasts();
  return (
    <div className="toasts">
      <div role="status">
        {toasts.filter(({ kind }) => kind === "done").map((each) => <One key={each.id} of={each} />)}
      </div>
      <div role="alert">
        {toasts.filter(({ kind }) => kind === "refused").map((each) => <One key={each.id} of={each} />)}
      </div>
    </div>
  );
}

function One({ of }: { of: Toast }) {
  const [isHeld, hold] = useState(false);
  useEffect(() => {
    if (of.kind === "refused" || isHeld) return;
    const timer = setTimeout(() => dismiss(of.id), DONE_MS);
    return () => clearTimeout(timer);
  }, [of, isHeld]);
  return (
    <div
      className={`toast is-${of.kind}`}
      onPointerEnter={() => hold(true)}
      onPointerLeave={() => hold(false)}
      onFocus={() => hold(true)}
      onBlur={() => hold(false)}
    >
      <span aria-hidden="true">{of.kind === "done" ? "✓" : "✕"}</span>
      <span className="words">{of.to ? <Link href={of.to}>{of.text}</Link> : of.text}</span>
      <button type="button" className="plain" aria-label="Close" onClick={() => dismiss(of.id)}>
        ✕
      </button>
    </div>
  );
}
