import { useRead } from "../../api/queries";
import { useSearchParam } from "../../app/address";
import { Query } from "../../parts/Query";
import { Diff } from "./Diff";
import { VersionPicker } from "./VersionPicker";

/** Two versions line by line: what Millstream knows of them, or their files. */
export function Comparison({
  namespace,
  dagId,
  latest,
  from,
  to,
}: {
  namespace: string;
  dagId: string;
  latest: number;
  from: number;
  to: number;
}) {
  const [what = "spec", setWhat] = useSearchParam("what");
  const [view = "split", setView] = useSearchParam("view");
  const asked = { namespace, dagId, withSource: true };
  const before = useRead("DagService/GetDagVersion", { ...asked, version: from }, { keep: true });
  const after = useRead("DagService/GetDagVersion", { ...asked, version: to }, { keep: true });
  const isSource = what === "source";
  return (
    <section aria-label="Comparison">
      <h2>What changed</h2>
      <div className="filters">
        <VersionPicker name="from" label="From" latest={latest} without={latest - 1} />
        <VersionPicker name="to" label="to" latest={latest} />
        <Choice
          label="Compare"
          now={what}
          of={[
            ["spec", "the spec"],
            ["source", "the file"],
          ]}
          choose={setWhat}
        />
        <Choice
          label="Show"
          now={view}
          of={[
            ["split", "side by side"],
            ["unified", "one column"],
          ]}
          choose={setView}
        />
      </div>
      <Query of={before}>
        {(one) => (
          <Query of={after}>
            {(other) =>
              isSource && !one.source && !other.source ? (
                <p className="empty">Neither version has a file that can be shown.</p>
              ) : (
                <Diff
                  before={isSource ? one.source : one.specJson}
                  after={isSource ? other.source : other.specJson}
                  isSplit={view === "split"}
                />
              )
            }
          </Query>
        )}
      </Query>
    </section>
  );
}

function Choice({
  label,
  now,
  of,
  choose,
}: {
  label: string;
  now: string;
  of: readonly (readonly [value: string, words: string])[];
  choose: (value: string) => void;
}) {
  return (
    <label>
      {label}{" "}
      <select value={now} onChange={(event) => choose(event.target.value)}>
        {of.map(([value, words]) => (
          <option key={value} value={value}>
            {words}
          </option>
        ))}
      </select>
    </label>
  );
}
