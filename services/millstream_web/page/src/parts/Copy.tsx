import { refused } from "./toasts";
import { useState } from "react";

/** A button that puts a text on the clipboard. `what` says which. */
export function Copy({ text, what }: { text: string; what: string }) {
  const [isCopied, setCopied] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setCopied(true);
    } catch {
      refused(`The browser does not let this page copy. Select ${what} instead.`);
    }
  };
  return (
    <button type="button" className="copy" onClick={() => void copy()} onBlur={() => setCopied(false)}>
      {isCopied ? "Copied" : "Copy"}
      <span className="unseen"> {what}</span>
    </button>
  );
}
