import { useState } from "react";

/** Puts a text into the clipboard, and says whether that worked. */
export function CopyButton({ text }: { text: string }) {
  const [said, say] = useState("Copy");
  const copy = (): void => {
    // Without HTTPS a browser has no clipboard to offer.
    const done = navigator.clipboard?.writeText(text) ?? Promise.reject(new Error("no clipboard"));
    done.then(
      () => say("Copied"),
      () => say("Not allowed here"),
    );
  };
  return (
    <button type="button" onClick={copy} onBlur={() => say("Copy")}>
      <span role="status">{said}</span>
    </button>
  );
}
