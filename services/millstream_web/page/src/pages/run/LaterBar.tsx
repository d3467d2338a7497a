import { useRead } from "../../api/queries";
import type { Run } from "../../api/types";
import { feed } from "../../live/feed";

/** The rest of a run that has more events than its time bar: by position of the log. */
export function LaterBar({
  run,
  from,
  loaded,
  position,
  choose,
}: {
  run: Run;
  /** The position of the last event that is loaded, and how many are. */
  from: number;
  loaded: number;
  position: number | undefined;
  choose: (position: number | undefined) => void;
}) {
  const end = useRead("EventService/GetHead", run.endedAt ? { at: run.endedAt } : {});
  const last = run.endedAt ? Number(end.data?.position ?? from) : Math.max(feed.position, from);
  return (
    <label className="later">
      <span>
        The bar has the first {loaded.toLocaleString("en")} events. Later ones, up to position{" "}
        {last.toLocaleString("en")}:
      </span>
      <input
        type="range"
        min={from}
        max={last}
        value={Math.max(from, Math.min(position ?? last, last))}
        onChange={(event) => {
          const next = Number(event.target.value);
          choose(next >= last ? undefined : next);
        }}
      />
    </label>
  );
}
