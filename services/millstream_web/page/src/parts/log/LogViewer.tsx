import { useEffect, useRef, useState, useSyncExternalStore } from "react";
import { Failure } from "../Query";
import { LogBar } from "./LogBar";
import { LogPane, type Pane } from "./LogPane";
import { LogStatus } from "./LogStatus";
import type { Look } from "./LogLine";
import "./log.css";
import { LogModel } from "./model";
import type { LogOf } from "./reading";
import { ALL, type Filter } from "./view";

/**
 * A log as it comes: it is followed, searched and filtered, and may have a million lines.
 * `line`: the number that the address names, from 1; `linkOf` gives the address of one.
 * `begun`: the number of the task's attempts; when it grows after the end, reading goes on.
 */
export function LogViewer({
  of,
  line,
  linkOf,
  begun,
  fileName,
}: {
  of: LogOf;
  line: number | undefined;
  linkOf: (line: { attempt: number; number: number }) => string;
  begun: number;
  fileName: string;
}) {
  const key = JSON.stringify(of);
  const model = useModel(of, key, begun);
  const pane = useRef<Pane>(null);
  const [look, setLook] = useState<Look>({ times: true, wrap: false, wanted: "" });
  const [filter, setFilter] = useState<Filter>(ALL);
  const [columns, setColumns] = useState(100);
  const [isFollowed, setFollowed] = useState(line === undefined);
  const [place, setPlace] = useState(-1);

  useEffect(() => model.show(filter, look.wrap ? columns : 0), [model, filter, look.wrap, columns]);
  useEffect(() => model.find(look.wanted), [model, look.wanted]);
  const chosen = useChosen(model, line, (row) => {
    setFollowed(false);
    pane.current?.show(row);
  });
  const go = (to: number) => {
    const found = model.search?.found ?? [];
    const row = found[(to + found.length) % found.length];
    if (row === undefined) return;
    setFollowed(false);
    setPlace((to + found.length) % found.length);
    pane.current?.show(row);
  };
  const fold = (index: number) => {
    const unfolded = new Set(filter.unfolded);
    if (!unfolded.delete(index)) unfolded.add(index);
    setFilter({ ...filter, unfolded });
  };
  const { reading } = model;
  return (
    <div className="log">
      <LogBar
        model={model}
        look={look}
        onLook={(next) => {
          if (next.wanted !== look.wanted) setPlace(-1);
          setLook(next);
        }}
        filter={filter}
        onFilter={setFilter}
        place={place}
        go={go}
        fileName={fileName}
      />
      {reading.state === "failed" && model.store.length === 0 ? (
        <Failure error={reading.error} again={() => model.open()} />
      ) : (
        <LogPane
          ref={pane}
          model={model}
          look={look}
          isFollowed={isFollowed}
          onFollow={setFollowed}
          onColumns={setColumns}
          linkOf={linkOf}
          chosen={chosen}
          found={model.search?.found[place] ?? -1}
          onFold={fold}
        />
      )}
      <LogStatus model={model} isFollowed={isFollowed} onFollow={() => setFollowed(true)} />
    </div>
  );
}

function useModel(of: LogOf, key: string, begun: number): LogModel {
  const [held, setHeld] = useState(() => ({ key, model: new LogModel(of) }));
  let { model } = held;
  if (held.key !== key) {
    model = new LogModel(of);
    setHeld({ key, model });
  }
  useEffect(() => {
    model.resume();
    // Browsers allow six connections to a host: a page that nobody sees gives its own back.
    const look = () => (document.hidden ? model.close() : model.resume());
    document.addEventListener("visibilitychange", look);
    return () => {
      document.removeEventListener("visibilitychange", look);
      model.close();
    };
  }, [model]);
  useEffect(() => {
    // Another attempt after the last one was over: somebody cleared the task.
    if (of.attempt === 0 && begun > Math.max(0, ...model.store.attempts)) model.open();
  }, [model, begun]);
  useSyncExternalStore(model.watch, () => model.version);
  return model;
}

/** The line that the address names, as soon as it is there; `show` is called once for each. */
function useChosen(model: LogModel, line: number | undefined, show: (row: number) => void): number {
  const shown = useRef("");
  const attempt = model.store.attempts.at(-1) ?? 0;
  const index = line === undefined ? -1 : model.store.find(attempt, line - 1);
  const key = `${attempt} ${line}`;
  const row = index >= 0 && model.view.seen > index ? model.view.rowOf(index) : -1;
  useEffect(() => {
    if (line === undefined || row < 0 || shown.current === key) return;
    shown.current = key;
    show(row);
  }, [key, row]);
  return index;
}
