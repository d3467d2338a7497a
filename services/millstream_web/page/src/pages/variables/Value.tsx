import { useState } from "react";
import { useRead } from "../../api/queries";
import type { Variable } from "../../api/types";

/** A value, shown when somebody asks for it. */
export function Value({ variable }: { variable: Variable }) {
  const [isShown, show] = useState(false);
  const { namespace, key, version } = variable;
  // Nothing of it stays with the page once it is hidden again.
  const read = useRead(
    "VariableService/GetVariable",
    { namespace, key },
    { enabled: isShown, staleTime: 0, gcTime: 0 },
  );
  if (variable.isSecret) {
    return (
      <span title="The key is the name of a secret: only tasks can read the value.">
        <span aria-hidden="true">••••••</span> <span className="faint">write-only</span>
      </span>
    );
  }
  if (!isShown) {
    return (
      <button type="button" className="plain" onClick={() => show(true)} aria-label={`Show the value of ${key}`}>
        <span aria-hidden="true">••••••</span> show
      </button>
    );
  }
  return (
    <span key={version} className="value">
      <code>{read.data ? (read.data.variable?.value ?? "") : (read.error?.message ?? "Loading…")}</code>
      <button type="button" className="plain" onClick={() => show(false)} aria-label={`Hide the value of ${key}`}>
        hide
      </button>
    </span>
  );
}
