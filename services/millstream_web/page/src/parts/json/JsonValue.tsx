import { useMemo, useState } from "react";
import { type Column, Table } from "../Table";
import { Exact, parseJson, toText } from "./exact";
import { JsonTree } from "./JsonTree";
import { type Grid, gridOf, pictureOf, typedText } from "./shapes";

type Way = "tree" | "table" | "image" | "text";

/** A value as JSON text has it: as a tree, and as a table or an image where it is one. */
export function JsonValue({ text, label }: { text: string; label: string }) {
  const found = useMemo(() => look(text), [text]);
  const [chosen, setChosen] = useState<Way | null>(null);
  if (!found) return <pre className="json-text">{text}</pre>;
  const ways: Way[] = [
    ...(found.picture ? (["image"] as const) : []),
    ...(found.grid ? (["table"] as const) : []),
    "tree",
    "text",
  ];
  const way = chosen && ways.includes(chosen) ? chosen : ways[0];
  return (
    <div className="json-value">
      <div className="ways" role="group" aria-label={`How ${label} is shown`}>
        {ways.map((each) => (
          <button key={each} type="button" aria-pressed={each === way} onClick={() => setChosen(each)}>
            {each}
          </button>
        ))}
      </div>
      {way === "image" && found.picture && <img className="preview" src={found.picture} alt={label} />}
      {way === "table" && found.grid && <GridTable grid={found.grid} label={label} />}
      {way === "tree" && <JsonTree value={found.value} label={label} />}
      {way === "text" && <pre className="json-text">{toText(found.value)}</pre>}
    </div>
  );
}

function look(text: string): { value: unknown; grid: Grid | null; picture: string | null } | null {
  try {
    const value = parseJson(text);
    return { value, grid: gridOf(value), picture: pictureOf(value) };
  } catch {
    return null;
  }
}

function GridTable({ grid, label }: { grid: Grid; label: string }) {
  const rows = useMemo(() => grid.rows.map((values, at) => ({ at, values })), [grid]);
  const columns: Column<(typeof rows)[number]>[] = [
    { name: "#", cell: (row) => row.at, isNumber: true, width: "4rem" },
    ...grid.columns.map((name) => ({
      name,
      isNumber: isNumber(grid.rows[0]?.[name]),
      cell: (row: (typeof rows)[number]) => cellText(row.values[name]),
    })),
  ];
  return <Table label={label} rows={rows} columns={columns} keyOf={(row) => String(row.at)} rowHeight={30} />;
}

function isNumber(value: unknown): boolean {
  return typeof value === "number" || value instanceof Exact;
}

function cellText(value: unknown): string {
  if (value === undefined) return "";
  if (typeof value === "string") return value.length > 200 ? `${value.slice(0, 200)}…` : value;
  const text = typedText(value) ?? toText(value, 0);
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}
