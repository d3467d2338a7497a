import type { ReactNode } from "react";
import { Labelled } from "./Labelled";

/** A line or, with `rows`, several lines of text. */
export function Text({
  label,
  value,
  onChange,
  hint,
  problem,
  rows,
  isRequired = false,
  isSecret = false,
  isFirst = false,
  isDisabled = false,
}: {
  label: string;
  value: string;
  onChange: (value: string) => void;
  hint?: ReactNode;
  problem?: string | undefined;
  rows?: number;
  isRequired?: boolean;
  /** It is not shown as it is typed, and no browser shall remember it. */
  isSecret?: boolean;
  /** It has the focus first. */
  isFirst?: boolean;
  isDisabled?: boolean;
}) {
  return (
    <Labelled label={label} hint={hint} problem={problem} isRequired={isRequired}>
      {(wired) => {
        const shared = {
          ...wired,
          value,
          disabled: isDisabled,
          spellCheck: false,
          autoComplete: isSecret ? "new-password" : "off",
          onChange: (event: { target: { value: string } }) => onChange(event.target.value),
          ...(isFirst ? { "data-focus": true } : {}),
        };
        return rows ? (
          <textarea {...shared} className="mono" rows={rows} />
        ) : (
          <input {...shared} type={isSecret ? "password" : "text"} />
        );
      }}
    </Labelled>
  );
}
