import { useId } from "react";
import { EVENT_TYPES } from "../../live/words";
import { Instant } from "../../parts/form/Instant";
import { useTypedParam } from "../../parts/useTypedParam";
import "../../parts/form/form.css";

type Set = (name: string, values: string[]) => void;

const FIELDS = [
  { name: "actor", label: "Who" },
  { name: "dag", label: "DAG" },
  { name: "run", label: "Run" },
  { name: "task", label: "Task" },
] as const;

/** What narrows the log. It is in the address. */
export function Filters({
  params,
  set,
  namespace,
  mayAll,
}: {
  params: URLSearchParams;
  set: Set;
  namespace: string;
  mayAll: boolean;
}) {
  const types = params.getAll("type");
  return (
    <search className="filters">
      {FIELDS.map(({ name, label }) => (
        <Line key={name} name={name} label={label} />
      ))}
      <select aria-label="Type" value="" onChange={(event) => set("type", [...types, event.target.value])}>
        <option value="">Any type</option>
        {EVENT_TYPES.filter((type) => !types.includes(type)).map((type) => (
          <option key={type}>{type}</option>
        ))}
      </select>
      {mayAll && (
        <select
          aria-label="Namespaces"
          value={params.get("in") ?? ""}
          onChange={(event) => set("in", [event.target.value])}
        >
          <option value="">All namespaces</option>
          <option value="namespace">Only {namespace}</option>
        </select>
      )}
      <details className="times" open={params.has("since") || params.has("until")}>
        <summary>Times</summary>
        <Instant label="From" value={params.get("since") ?? ""} onChange={(iso) => set("since", [iso ?? ""])} />
        <Instant label="Before" value={params.get("until") ?? ""} onChange={(iso) => set("until", [iso ?? ""])} />
      </details>
      {types.map((type) => (
        <button
          key={type}
          type="button"
          className="chip"
          onClick={() => set("type", types.filter((each) => each !== type))}
        >
          {type} <span aria-hidden="true">✕</span>
        </button>
      ))}
    </search>
  );
}

function Line({ name, label }: { name: string; label: string }) {
  const { typed, type } = useTypedParam(name);
  const id = useId();
  return (
    <span className="line">
      <label htmlFor={id}>{label}</label>
      <input id={id} value={typed} autoComplete="off" onChange={(event) => type(event.target.value)} />
    </span>
  );
}
