import { type ReactNode, useId } from "react";

export interface Wired {
  id: string;
  "aria-describedby": string | undefined;
  "aria-invalid": boolean;
}

/** A control with its label, what is to be said about it, and what is wrong with it. */
export function Labelled({
  label,
  hint,
  problem,
  isRequired = false,
  children,
}: {
  label: ReactNode;
  hint?: ReactNode;
  problem?: string | undefined;
  isRequired?: boolean;
  children: (wired: Wired) => ReactNode;
}) {
  const id = useId();
  const described = [hint && `${id}-hint`, problem && `${id}-problem`].filter(Boolean).join(" ");
  return (
    <div className={`field${problem ? " is-wrong" : ""}`}>
      <label htmlFor={id}>
        {label}
        {isRequired && <span className="faint"> (needed)</span>}
      </label>
      {children({ id, "aria-describedby": described || undefined, "aria-invalid": Boolean(problem) })}
      {hint && (
        <p className="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      {problem && (
        <p className="problem" id={`${id}-problem`}>
          <span aria-hidden="true">✕ </span>
          {problem}
        </p>
      )}
    </div>
  );
}
