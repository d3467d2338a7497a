import type { FormEvent, ReactNode } from "react";
import type { ApiError } from "../../api/call";
import { Dialog } from "../Dialog";
import { Problems } from "./Problems";
import { refusalOf } from "./violations";
import "./form.css";

/** A form in a window. What the API refuses is shown in it, at the fields that `known` names. */
export function FormDialog({
  title,
  action,
  error,
  known,
  isPending,
  isReady = true,
  onSubmit,
  onClose,
  children,
}: {
  title: string;
  /** What the button says. */
  action: string;
  error: ApiError | null;
  known: readonly string[];
  isPending: boolean;
  /** Nothing is missing. */
  isReady?: boolean;
  onSubmit: () => void;
  onClose: () => void;
  children: (problems: Record<string, string>) => ReactNode;
}) {
  const refusal = refusalOf(error, known);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (isReady) onSubmit();
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form className="form" onSubmit={submit} noValidate>
        {children(refusal.fields)}
        <Problems of={[...refusal.rest, ...Object.values(refusal.params)]} />
        <div className="actions">
          <button type="submit" className="main" disabled={isPending || !isReady}>
            {action}
          </button>
          <button type="button" onClick={onClose}>
            Cancel
          </button>
        </div>
      </form>
    </Dialog>
  );
}
