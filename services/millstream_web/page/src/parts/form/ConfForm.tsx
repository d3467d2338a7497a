import { useState } from "react";
import { useSettings } from "../../app/settings";
import { type Conf, chosen, problemsOf, rawOf, typed, typedRaw, valueOf } from "./conf";
import { Control } from "./Control";
import { Labelled } from "./Labelled";
import type { Field } from "./schema";
import { written } from "./texts";
import "./form.css";

interface Props {
  fields: readonly Field[];
  conf: Conf;
  onChange: (conf: Conf) => void;
  /** What the API said, by the names of fields. */
  refused?: Record<string, string>;
}

/** A form for params, and the same as JSON. */
export function ConfForm(props: Props) {
  const { fields, conf, onChange } = props;
  const [isRaw, setRaw] = useState(!fields.length);
  const odd = Object.keys(conf.values).filter((name) => !fields.some((field) => field.name === name));
  return (
    <div className="conf">
      {fields.length > 0 && (
        <div className="modes" role="group" aria-label="How to give the params">
          <button type="button" aria-pressed={!isRaw} onClick={() => setRaw(false)}>
            Form
          </button>
          <button type="button" aria-pressed={isRaw} onClick={() => setRaw(true)}>
            JSON
          </button>
        </div>
      )}
      {isRaw ? (
        <Labelled
          label="Conf as JSON"
          hint={fields.length ? "What differs from the defaults." : "The DAG has no params; what is given here reaches its tasks as the run's conf."}
          problem={conf.raw?.problem ?? Object.values(props.refused ?? {})[0]}
        >
          {(wired) => (
            <textarea
              {...wired}
              className="mono"
              rows={10}
              spellCheck={false}
              value={rawOf(conf)}
              onChange={(event) => onChange(typedRaw(conf, event.target.value))}
            />
          )}
        </Labelled>
      ) : (
        <Sections {...props} />
      )}
      {!isRaw && odd.length > 0 && <p className="hint">Also given, as JSON: {odd.join(", ")}</p>}
    </div>
  );
}

function Sections(props: Props) {
  const problems = problemsOf(props.conf, props.fields);
  const sections = [...new Set(props.fields.map((field) => field.section))];
  return sections.map((section) => {
    const rows = props.fields
      .filter((field) => field.section === section)
      .map((field) => <Row key={field.name} {...props} field={field} problem={problems[field.name]} />);
    if (!section) return rows;
    return (
      <fieldset key={section}>
        <legend>{section}</legend>
        {rows}
      </fieldset>
    );
  });
}

function Row({ field, conf, onChange, problem, refused }: Props & { field: Field; problem: string | undefined }) {
  const { zone } = useSettings();
  const value = valueOf(conf, field);
  // The reader may have chosen another zone since it was typed.
  const draft = field.kind === "date-time" && conf.drafts[field.name]?.text ? undefined : conf.drafts[field.name];
  const isSaid = field.name in conf.values || field.name in conf.drafts;
  // Nobody is told off for a field that they have not come to yet.
  const shown = refused?.[field.name] ?? (isSaid || field.hasDefault ? problem : undefined);
  return (
    <div className={`row kind-${field.kind}`}>
      <Labelled
        label={field.title}
        hint={<Hint field={field} />}
        problem={shown}
        isRequired={!field.hasDefault && !field.isNullable}
      >
        {(wired) => (
          <Control
            field={field}
            wired={wired}
            value={value}
            text={draft?.text ?? written(field, value, zone)}
            onType={(text) => onChange(typed(conf, field, text, zone))}
            onChoose={(next) => onChange(chosen(conf, field, next))}
          />
        )}
      </Labelled>
      {isSaid && field.hasDefault && (
        <button
          type="button"
          className="plain"
          title={`Back to the default: ${JSON.stringify(field.default)}`}
          onClick={() => onChange(chosen(conf, field, undefined))}
        >
          <span aria-hidden="true">↺</span>
          <span className="unseen">Back to the default of {field.title}</span>
        </button>
      )}
    </div>
  );
}

const KINDS: Partial<Record<Field["kind"], string>> = {
  lines: "One on each line.",
  json: "JSON.",
};

function Hint({ field }: { field: Field }) {
  const named = field.title === field.name ? "" : field.name;
  const words = [field.description, KINDS[field.kind], field.isNullable && "May be empty."]
    .filter(Boolean)
    .map((each) => String(each).replace(/(?<![.!?])$/, "."))
    .join(" ");
  return (
    <>
      {named && <code>{named}</code>} {words}
    </>
  );
}
