import { useState } from "react";
import { useFeedState } from "../live/hooks";
import { Namespace } from "./Namespace";
import { Who } from "./Who";
import { choose, type Settings, useSettings } from "./settings";

const SAID = {
  live: "What happens is on the page at once.",
  connecting: "The page is about to hear of what happens.",
  "cut off": "Millstream is not heard. The page shows what it saw last, and goes on by itself.",
} as const;
const NEXT: Record<Settings["theme"], Settings["theme"]> = {
  system: "dark",
  dark: "light",
  light: "system",
};
const SIGN: Record<Settings["theme"], string> = { system: "◐", dark: "☾", light: "☀" };

/** What a reader chooses for every page, and whether the page is live. */
export function Choices({ onSearch, onKeys }: { onSearch: () => void; onKeys: () => void }) {
  const { theme, zone, namespace } = useSettings();
  const [isChoosing, setChoosing] = useState(false);
  const state = useFeedState();
  return (
    <div className="choices">
      <button type="button" className="plain" onClick={onSearch} title="Go to a DAG, a run or a page (Ctrl+K)">
        <span aria-hidden="true">⌕</span> <span className="wide">Go to</span>
        <span className="unseen">a DAG, a run or a page</span>
      </button>
      <button type="button" className="plain" onClick={() => setChoosing(true)} title="Namespace">
        <span className="unseen">Namespace </span>
        {namespace}
      </button>
      <button
        type="button"
        className="plain"
        title="Times: local or UTC"
        onClick={() => choose({ zone: zone === "utc" ? "local" : "utc" })}
      >
        <span className="unseen">Times in </span>
        {zone === "utc" ? "UTC" : "local"}
      </button>
      <button
        type="button"
        className="plain"
        title={`Theme: ${theme}`}
        onClick={() => choose({ theme: NEXT[theme] })}
      >
        <span aria-hidden="true">{SIGN[theme]}</span>
        <span className="unseen">Theme: {theme}</span>
      </button>
      <button type="button" className="plain" title="Keys (?)" onClick={onKeys}>
        <span aria-hidden="true">?</span>
        <span className="unseen">Keys</span>
      </button>
      <span className={`feed ${state === "live" ? "is-live" : "is-cut"}`} role="status" title={SAID[state]}>
        {state}
      </span>
      <Who />
      {isChoosing && <Namespace onClose={() => setChoosing(false)} />}
    </div>
  );
}
