import type { Dag } from "../../api/types";
import { useTypedParam } from "../../parts/useTypedParam";
import { SORTS, STATES } from "./search";

type Set = (name: string, values: string[]) => void;

/** What narrows the list. It is in the address, so that a link shows the same. */
export function Filters({ params, set, dags }: { params: URLSearchParams; set: Set; dags: Dag[] }) {
  return (
    <search className="filters">
      <Search />
      <Select label="Last run" name="state" options={STATES} params={params} set={set} />
      <Select
        label="Paused"
        name="paused"
        options={[
          { id: "", name: "Paused or not" },
          { id: "no", name: "Not paused" },
          { id: "yes", name: "Paused" },
        ]}
        params={params}
        set={set}
      />
      <Add label="tag" found={dags.flatMap((dag) => dag.tags)} params={params} set={set} />
      <Add label="owner" found={dags.flatMap((dag) => dag.owners)} params={params} set={set} />
      <Select label="Order" name="sort" options={SORTS} params={params} set={set} />
      <Chosen params={params} set={set} />
    </search>
  );
}

function Search() {
  const { typed, type } = useTypedParam("search");
  return (
    <input
      type="search"
      aria-label="Search DAGs"
      placeholder="Search DAGs"
      title="Key: /"
      value={typed}
      onChange={(event) => type(event.target.value)}
    />
  );
}

function Select({
  label,
  name,
  options,
  params,
  set,
}: {
  label: string;
  name: string;
  options: readonly { id: string; name: string }[];
  params: URLSearchParams;
  set: Set;
}) {
  return (
    <select aria-label={label} value={params.get(name) ?? ""} onChange={(event) => set(name, [event.target.value])}>
      {options.map((option) => (
        <option key={option.id} value={option.id}>
          {option.name}
        </option>
      ))}
    </select>
  );
}

/** Choose one more of what the rows that are there have. */
function Add({
  label,
  found,
  params,
  set,
}: {
  label: "tag" | "owner";
  found: string[];
  params: URLSearchParams;
  set: Set;
}) {
  const chosen = params.getAll(label);
  const names = [...new Set(found)].filter((each) => each && !chosen.includes(each)).sort();
  if (!names.length) return null;
  return (
    <select
      aria-label={`Only with a ${label}`}
      value=""
      onChange={(event) => set(label, [...chosen, event.target.value])}
    >
      <option value="">{label === "tag" ? "Any tag" : "Any owner"}</option>
      {names.map((each) => (
        <option key={each}>{each}</option>
      ))}
    </select>
  );
}

function Chosen({ params, set }: { params: URLSearchParams; set: Set }) {
  return (["tag", "owner"] as const).flatMap((name) =>
    params.getAll(name).map((value) => (
      <button
        type="button"
        className="chip"
        key={`${name} ${value}`}
        title={`Without the ${name}`}
        onClick={() => set(name, params.getAll(name).filter((each) => each !== value))}
      >
        {name} {value} <span aria-hidden="true">✕</span>
      </button>
    )),
  );
}
