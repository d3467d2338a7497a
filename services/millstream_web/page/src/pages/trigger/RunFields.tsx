import { useId } from "react";
import { Check } from "../../parts/control/Check";
import { Instant } from "../../parts/form/Instant";
import { Labelled } from "../../parts/form/Labelled";
import type { RunForm } from "./request";

interface Props {
  form: RunForm;
  onChange: (part: Partial<RunForm>) => void;
  /** By the names of the request's fields. */
  problems: Record<string, string>;
  isPaused: boolean;
}

const DATES = [
  { id: "now", name: "The instant of the trigger" },
  { id: "at", name: "This one" },
  { id: "none", name: "None, and no data interval" },
] as const;

/** What a run has besides its params. */
export function RunFields({ form, onChange, problems, isPaused }: Props) {
  return (
    <>
      <Dated form={form} onChange={onChange} problem={problems.logical_date} />
      <Labelled label="Run id" hint="Empty: made from the instant." problem={problems.run_id}>
        {(wired) => (
          <input
            {...wired}
            value={form.runId}
            autoComplete="off"
            onChange={(event) => onChange({ runId: event.target.value })}
          />
        )}
      </Labelled>
      <Labelled label="Note" problem={problems.note}>
        {(wired) => (
          <textarea
            {...wired}
            rows={2}
            value={form.note}
            onChange={(event) => onChange({ note: event.target.value })}
          />
        )}
      </Labelled>
      <Instant
        label="Run after"
        hint="The run waits until then. Empty: it does not."
        value={form.runAfter}
        onChange={(runAfter) => onChange({ runAfter })}
        problem={problems.run_after}
      />
      {isPaused && (
        <Check
          name="The DAG is paused and nothing of it starts. Let it go on"
          is={form.unpause}
          set={(unpause) => onChange({ unpause })}
        />
      )}
    </>
  );
}

function Dated({ form, onChange, problem }: Pick<Props, "form" | "onChange"> & { problem: string | undefined }) {
  const name = useId();
  return (
    <fieldset>
      <legend>Logical date</legend>
      {DATES.map((each) => (
        <label key={each.id} className="check">
          <input
            type="radio"
            name={name}
            checked={form.dated === each.id}
            onChange={() => onChange({ dated: each.id })}
          />
          {each.name}
        </label>
      ))}
      {form.dated === "at" && (
        <Instant
          label="Logical date"
          value={form.logicalDate}
          onChange={(logicalDate) => onChange({ logicalDate })}
          problem={problem}
        />
      )}
      {form.dated !== "at" && problem && <p className="problem">{problem}</p>}
    </fieldset>
  );
}
