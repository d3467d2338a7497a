import { useRef, useState } from "react";
import { useKeys } from "../../app/keys";
import { LEVELS } from "./lines";
import type { Look } from "./LogLine";
import type { LogModel } from "./model";
import type { Filter } from "./view";

const SOURCES = ["task", "stdout", "stderr", "millstream"];

/** What is looked for, what is shown and how, and what can be done with it. */
export function LogBar({
  model,
  look,
  onLook,
  filter,
  onFilter,
  place,
  go,
  fileName,
}: {
  model: LogModel;
  look: Look;
  onLook: (look: Look) => void;
  filter: Filter;
  onFilter: (filter: Filter) => void;
  place: number;
  go: (place: number) => void;
  fileName: string;
}) {
  return (
    <div className="log-bar" role="group" aria-label="Log">
      <Finder model={model} look={look} onLook={onLook} place={place} go={go} />
      <label>
        <span className="unseen">Level</span>
        <select
          value={filter.level}
          onChange={(event) => onFilter({ ...filter, level: Number(event.target.value) })}
        >
          <option value={0}>All levels</option>
          {LEVELS.slice(1).map((level, at) => (
            <option key={level} value={at + 1}>
              {level} and up
            </option>
          ))}
        </select>
      </label>
      <label>
        <span className="unseen">Source</span>
        <select
          value={filter.source}
          onChange={(event) => onFilter({ ...filter, source: event.target.value })}
        >
          <option value="">All sources</option>
          {SOURCES.map((source) => (
            <option key={source}>{source}</option>
          ))}
        </select>
      </label>
      <Check name="Times" is={look.times} set={(times) => onLook({ ...look, times })} />
      <Check name="Wrap" is={look.wrap} set={(wrap) => onLook({ ...look, wrap })} />
      <Check
        name="Fold tracebacks"
        is={filter.isFolded}
        set={(isFolded) => onFilter({ ...filter, isFolded, unfolded: new Set() })}
      />
      <Take model={model} fileName={fileName} />
    </div>
  );
}

function Check({ name, is, set }: { name: string; is: boolean; set: (is: boolean) => void }) {
  return (
    <label className="check">
      <input type="checkbox" checked={is} onChange={(event) => set(event.target.checked)} />
      {name}
    </label>
  );
}

function Finder({
  model,
  look,
  onLook,
  place,
  go,
}: {
  model: LogModel;
  look: Look;
  onLook: (look: Look) => void;
  place: number;
  go: (place: number) => void;
}) {
  const input = useRef<HTMLInputElement>(null);
  const count = model.search?.found.length ?? 0;
  const isDone = !model.search || model.search.seen >= model.view.length;
  useKeys([{ keys: "/", what: "Search the log", act: () => input.current?.focus() }]);
  return (
    <span className="finder">
      <input
        ref={input}
        type="search"
        aria-label="Search the log"
        placeholder="Search ( / )"
        value={look.wanted}
        onChange={(event) => onLook({ ...look, wanted: event.target.value })}
        onKeyDown={(event) => {
          if (event.key === "Enter") go(event.shiftKey ? place - 1 : place + 1);
        }}
      />
      <button type="button" aria-label="Line before" disabled={!count} onClick={() => go(place - 1)}>
        ↑
      </button>
      <button type="button" aria-label="Next line" disabled={!count} onClick={() => go(place + 1)}>
        ↓
      </button>
      {look.wanted && (
        <span className="number" role="status">
          {place >= 0 ? `${(place + 1).toLocaleString("en")} of ` : ""}
          {count.toLocaleString("en")}
          {isDone ? "" : "…"}
        </span>
      )}
    </span>
  );
}

/** More than this in the clipboard helps nobody. */
const MOST_COPIED = 20_000_000;

function Take({ model, fileName }: { model: LogModel; fileName: string }) {
  const [said, setSaid] = useState("");
  const copy = async () => {
    let text = "";
    for (const part of model.texts()) {
      text += part;
      if (text.length > MOST_COPIED) return setSaid("Too long: download it");
    }
    try {
      await navigator.clipboard.writeText(text);
      setSaid("Copied");
    } catch {
      setSaid("Not allowed");
    }
  };
  const download = () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([...model.texts()], { type: "text/plain" }));
    link.download = fileName;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  };
  return (
    <span className="take">
      <span role="status" className="faint">
        {said}
      </span>
      <button type="button" onClick={() => void copy()}>
        Copy
      </button>
      <button type="button" onClick={download}>
        Download
      </button>
    </span>
  );
}
