import { useSearchParam } from "../../app/address";

/** A version of the DAG, as a parameter of the address says; without one the latest. */
export function VersionPicker({
  name,
  label = "Version",
  latest,
  without = latest,
}: {
  name: string;
  label?: string;
  latest: number;
  /** The version if the address names none. */
  without?: number;
}) {
  const [chosen, choose] = useSearchParam(name);
  return (
    <label>
      {label}{" "}
      <select
        value={chosen ?? String(without)}
        onChange={({ target }) => choose(target.value === String(without) ? "" : target.value)}
      >
        {Array.from({ length: latest }, (_, index) => latest - index).map((version) => (
          <option key={version} value={version}>
            {version}
            {version === latest ? " (latest)" : ""}
          </option>
        ))}
      </select>
    </label>
  );
}
