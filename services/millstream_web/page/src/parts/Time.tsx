import { useSettings } from "../app/settings";
import { useNow } from "./now";
import { between, distance, instant } from "./time";

/** An instant, in the reader's zone; hovering tells how long ago, and the time in UTC. */
export function Time({ at }: { at: string | undefined }) {
  const { zone } = useSettings();
  if (!at) return null;
  return (
    <time dateTime={at} title={`${distance(at)} · ${instant(at, "utc")} UTC`}>
      {instant(at, zone)}
    </time>
  );
}

/** How long ago, or how long until then. */
export function Ago({ at }: { at: string | undefined }) {
  const now = useNow();
  const { zone } = useSettings();
  if (!at) return null;
  return (
    <time dateTime={at} title={instant(at, zone)}>
      {distance(at, now)}
    </time>
  );
}

/** How long it took, or takes until now. */
export function Took({ from, to }: { from: string | undefined; to: string | undefined }) {
  const now = useNow(Boolean(from && !to));
  return <span className="number">{between(from, to, now)}</span>;
}
