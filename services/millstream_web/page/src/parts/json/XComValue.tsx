import { useState } from "react";
import type { XCom } from "../../api/types";
import { JsonValue } from "./JsonValue";
import { bytes, codecText } from "./shapes";

/** One XCom: its key, of what type and how large it is, and its value where it can be looked at. */
export function XComValue({ xcom, isOpen }: { xcom: XCom; isOpen: boolean }) {
  const [open, setOpen] = useState(isOpen);
  return (
    <details className="xcom sheet" open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        <strong>{xcom.key}</strong> <span className="faint">{codecText(xcom.codec)}</span>{" "}
        <span className="faint number">{bytes(Number(xcom.size))}</span>
      </summary>
      {open && xcom.valueJson && (
        <>
          <JsonValue text={xcom.valueJson} label={xcom.key} />
          <button type="button" onClick={() => save(xcom)}>
            Download
          </button>
        </>
      )}
      {open && !xcom.valueJson && (
        <p className="faint">
          The value is in the blob store, as <code>{xcom.blob}</code>.
        </p>
      )}
    </details>
  );
}

function save(xcom: XCom): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([xcom.valueJson], { type: "application/json" }));
  link.download = `${[xcom.taskId, ...xcom.mapIndex, xcom.key].join("_")}.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
