import { Check } from "../../parts/control/Check";
import { Instant } from "../../parts/form/Instant";
import { Labelled } from "../../parts/form/Labelled";
import type { BackfillForm } from "./request";

const REPROCESS = [
  { id: "none", name: "Leave it" },
  { id: "failed", name: "Run it again if it failed" },
  { id: "completed", name: "Run it again" },
] as const;

/** Which dates a backfill has, and how it goes through them. */
export function RangeFields({
  form,
  onChange,
  problems,
}: {
  form: BackfillForm;
  onChange: (part: Partial<BackfillForm>) => void;
  problems: Record<string, string>;
}) {
  return (
    <>
      <Instant
        label="First date"
        value={form.fromDate}
        onChange={(fromDate) => onChange({ fromDate })}
        problem={problems.from_date}
        isRequired
      />
      <Instant
        label="Last date"
        value={form.toDate}
        onChange={(toDate) => onChange({ toDate })}
        problem={problems.to_date}
        isRequired
      />
      <Labelled label="A date that has a run" problem={problems.reprocess_behavior}>
        {(wired) => (
          <select
            {...wired}
            value={form.reprocess}
            onChange={(event) => onChange({ reprocess: event.target.value as BackfillForm["reprocess"] })}
          >
            {REPROCESS.map((each) => (
              <option key={each.id} value={each.id}>
                {each.name}
              </option>
            ))}
          </select>
        )}
      </Labelled>
      <Labelled label="Active runs at a time, at most" problem={problems.max_active_runs}>
        {(wired) => (
          <input
            {...wired}
            inputMode="numeric"
            value={form.maxActiveRuns}
            onChange={(event) => onChange({ maxActiveRuns: event.target.value })}
          />
        )}
      </Labelled>
      <Check name="The latest date first" is={form.backwards} set={(backwards) => onChange({ backwards })} />
      <Check
        name="Runs that run again take the latest version of the DAG"
        is={form.latestVersion}
        set={(latestVersion) => onChange({ latestVersion })}
      />
    </>
  );
}
