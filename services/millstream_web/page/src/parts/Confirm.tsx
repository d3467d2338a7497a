import type { ReactNode } from "react";
import { Dialog } from "./Dialog";

/** Asks before something is done that cannot be taken back. */
export function Confirm({
  title,
  action,
  isPending = false,
  onConfirm,
  onClose,
  children,
}: {
  title: string;
  /** What the button says: `Delete`. */
  action: string;
  isPending?: boolean;
  onConfirm: () => void;
  onClose: () => void;
  children?: ReactNode;
}) {
  return (
    <Dialog title={title} onClose={onClose}>
      {children}
      <div className="actions">
        <button type="button" className="danger" disabled={isPending} onClick={onConfirm}>
          {action}
        </button>
        <button type="button" data-focus onClick={onClose}>
          Cancel
        </button>
      </div>
    </Dialog>
  );
}
