import { useEffect, useRef, useState } from "react";

/** Events a second. */
const SPEEDS = [2, 10, 50, 250, 1000];

/** Steps through the events, or plays them. */
export function Player({
  index,
  last,
  isLive,
  to,
}: {
  index: number;
  last: number;
  isLive: boolean;
  to: (index: number) => void;
}) {
  const [isPlaying, setPlaying] = useState(false);
  const [speed, setSpeed] = useState(10);
  const latest = useRef({ index, to });
  latest.current = { index, to };
  useEffect(() => {
    if (!isPlaying) return;
    let before = performance.now();
    let frame = 0;
    const next = (now: number) => {
      const steps = Math.floor(((now - before) / 1000) * speed);
      if (steps > 0) {
        before = now;
        const { index: at, to: go } = latest.current;
        go(at + steps);
        if (at + steps >= last) return setPlaying(false);
      }
      frame = requestAnimationFrame(next);
    };
    frame = requestAnimationFrame(next);
    return () => cancelAnimationFrame(frame);
  }, [isPlaying, speed, last]);
  const play = () => {
    if (!isPlaying && (isLive || index >= last)) to(0);
    setPlaying(!isPlaying);
  };
  return (
    <span className="player">
      <button type="button" aria-label="First event" onClick={() => to(0)}>
        ⇤
      </button>
      <button type="button" aria-label="Event before" disabled={index <= 0} onClick={() => to(index - 1)}>
        ‹
      </button>
      <button type="button" className="main" onClick={play}>
        {isPlaying ? "Pause" : "Play"}
      </button>
      <button type="button" aria-label="Next event" disabled={isLive} onClick={() => to(index + 1)}>
        ›
      </button>
      <label>
        <span className="unseen">Speed</span>
        <select value={speed} onChange={(event) => setSpeed(Number(event.target.value))}>
          {SPEEDS.map((each) => (
            <option key={each} value={each}>
              {each} a second
            </option>
          ))}
        </select>
      </label>
    </span>
  );
}
