import { useMemo, useState } from "react";
import "./json.css";
import { PAGE, type TreeRow, treeRows } from "./tree";

/** A JSON value that unfolds. `level`: so many levels are open at first. */
export function JsonTree({ value, level = 1, label }: { value: unknown; level?: number; label: string }) {
  const [opened, setOpened] = useState<ReadonlySet<string>>(new Set());
  const [shown, setShown] = useState<ReadonlyMap<string, number>>(new Map());
  const rows = useMemo(() => treeRows(value, opened, shown, level), [value, opened, shown, level]);
  const turn = (path: string) => {
    const next = new Set(opened);
    if (!next.delete(path)) next.add(path);
    setOpened(next);
  };
  const more = (path: string) => setShown(new Map(shown).set(path, (shown.get(path) ?? PAGE) + PAGE));
  return (
    <ul className="json" aria-label={label}>
      {rows.map((row) => (
        <li key={row.path + (row.more ? "…" : "")} style={{ paddingLeft: `${row.depth * 1.25}rem` }}>
          {row.more ? (
            <button type="button" className="plain" onClick={() => more(row.path)}>
              Show more ({row.more.toLocaleString("en")} left)
            </button>
          ) : (
            <Row row={row} turn={turn} />
          )}
        </li>
      ))}
    </ul>
  );
}

function Row({ row, turn }: { row: TreeRow; turn: (path: string) => void }) {
  const name = row.name !== undefined && <span className="key">{row.name}: </span>;
  const value = <span className={`is-${row.kind}`}>{row.text}</span>;
  if (!row.size) {
    return (
      <span className="leaf">
        {name}
        {value}
      </span>
    );
  }
  return (
    <button type="button" className="plain node" aria-expanded={row.isOpen} onClick={() => turn(row.path)}>
      <span aria-hidden="true">{row.isOpen ? "▾" : "▸"} </span>
      {name}
      {value}
    </button>
  );
}
