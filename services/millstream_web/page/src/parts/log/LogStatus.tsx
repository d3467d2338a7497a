import type { LogModel } from "./model";

/** How many lines there are, whether more come, and the way back to the end. */
export function LogStatus({
  model,
  isFollowed,
  onFollow,
}: {
  model: LogModel;
  isFollowed: boolean;
  onFollow: () => void;
}) {
  const { store, view } = model;
  const all = store.length.toLocaleString("en");
  const shown = view.length.toLocaleString("en");
  return (
    <div className="log-status">
      <span className="number">
        {view.length === store.length ? `${all} lines` : `${shown} of ${all} lines`}
      </span>
      <span role="status">{said(model)}</span>
      {!isFollowed && (
        <button type="button" onClick={onFollow}>
          ↓ To the end
        </button>
      )}
    </div>
  );
}

function said({ reading, store }: LogModel): string {
  switch (reading.state) {
    case "opening":
      return "Waiting for the first lines…";
    case "live":
      return store.length ? "Following" : "Nothing is written yet";
    case "cut off":
      return "The connection is lost; trying again…";
    case "ended": {
      const how = reading.how.replaceAll("_", " ");
      return `Attempt ${reading.attempt} ended: ${how}${reading.reason ? `, ${reading.reason}` : ""}`;
    }
    case "failed":
      return reading.error.message;
  }
}
