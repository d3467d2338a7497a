import { useId } from "react";
import type { Wired } from "./Labelled";
import { type Field, nameOf, optionsOf } from "./schema";
import { equal } from "./validate";

interface Props {
  field: Field;
  /** What the control for texts shows. */
  text: string;
  value: unknown;
  wired: Wired;
  onType: (text: string) => void;
  onChoose: (value: unknown) => void;
}

const TYPES: Partial<Record<Field["kind"], string>> = {
  date: "date",
  "date-time": "datetime-local",
  time: "time",
};

/** The control for a field of a form. */
export function Control(props: Props) {
  const { field, text, wired, onType } = props;
  switch (field.kind) {
    case "boolean":
      if (field.hasDefault && !field.isNullable) return <Check {...props} />;
      return <Choice {...props} options={field.isNullable ? [null, true, false] : [true, false]} />;
    case "choice":
      return <Choice {...props} options={optionsOf(field.schema)} />;
    case "choices":
      return <Choices {...props} />;
    case "multiline":
    case "lines":
    case "json":
      return (
        <textarea
          {...wired}
          className={field.kind === "multiline" ? undefined : "mono"}
          rows={Math.min(14, Math.max(3, text.split("\n").length))}
          spellCheck={field.kind === "multiline"}
          value={text}
          onChange={(event) => onType(event.target.value)}
        />
      );
    default:
      return <Line {...props} />;
  }
}

function Line({ field, text, wired, onType }: Props) {
  const list = useId();
  const examples = (field.schema.examples ?? []).map(String);
  const isNumber = field.kind === "integer" || field.kind === "number";
  return (
    <>
      <input
        {...wired}
        type={TYPES[field.kind] ?? "text"}
        {...(isNumber ? { inputMode: field.kind === "integer" ? "numeric" : "decimal" } : {})}
        {...(field.kind === "time" || field.kind === "date-time" ? { step: 1 } : {})}
        {...(examples.length ? { list } : {})}
        autoComplete="off"
        value={text}
        onChange={(event) => onType(event.target.value)}
      />
      {examples.length > 0 && (
        <datalist id={list}>
          {examples.map((each) => (
            <option key={each} value={each} />
          ))}
        </datalist>
      )}
    </>
  );
}

function Check({ value, wired, onChoose }: Props) {
  return (
    <input {...wired} type="checkbox" checked={value === true} onChange={(event) => onChoose(event.target.checked)} />
  );
}

function Choice({ field, value, wired, onChoose, options }: Props & { options: unknown[] }) {
  const at = options.findIndex((option) => equal(option, value));
  return (
    <select {...wired} value={at} onChange={(event) => onChoose(options[Number(event.target.value)])}>
      {at < 0 && <option value={-1}>{value === undefined ? "Choose" : JSON.stringify(value)}</option>}
      {options.map((option, index) => (
        <option key={index} value={index}>
          {option === null ? "nothing" : nameOf(option, field.schema)}
        </option>
      ))}
    </select>
  );
}

/** Several of some: the list keeps their order. */
function Choices({ field, value, wired, onChoose }: Props) {
  const options = optionsOf(field.schema);
  const now = Array.isArray(value) ? value : [];
  const others = now.filter((each) => !options.some((option) => equal(option, each)));
  const turn = (option: unknown, isOn: boolean) =>
    onChoose([...options, ...others].filter((each) => (equal(each, option) ? isOn : now.some((one) => equal(one, each)))));
  return (
    <div className="several" role="group" {...wired}>
      {[...options, ...others].map((option, index) => (
        <label key={index} className="check">
          <input
            type="checkbox"
            checked={now.some((each) => equal(each, option))}
            onChange={(event) => turn(option, event.target.checked)}
          />
          {nameOf(option, field.schema)}
        </label>
      ))}
    </div>
  );
}
