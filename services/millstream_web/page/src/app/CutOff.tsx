import { useEffect, useState } from "react";
import { feed } from "../live/feed";
import { useFeedState } from "../live/hooks";

/** A new connection takes less than this; nobody needs to read of it. */
const PATIENCE_MS = 1500;

/** A word on what it means that Millstream is not heard. */
export function CutOff() {
  const state = useFeedState();
  const [isLong, setLong] = useState(false);
  useEffect(() => {
    if (state === "live") return;
    const timer = setTimeout(() => setLong(true), PATIENCE_MS);
    return () => {
      clearTimeout(timer);
      setLong(false);
    };
  }, [state]);
  return (
    <div role="status">
      {isLong && (
        <p className="cutoff">
          <strong>{state === "cut off" ? "Cut off." : "Connecting."}</strong> Millstream is not heard.
          {feed.position > 0 && ` The page shows what was known at event ${feed.position}.`} It goes on by
          itself, without a gap, as soon as Millstream answers.
        </p>
      )}
    </div>
  );
}
