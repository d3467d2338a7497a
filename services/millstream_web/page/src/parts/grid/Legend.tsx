import { lookOf, TASK_STATES } from "../states";

/** What the signs and colours say. */
export function Legend() {
  return (
    <ul className="legend" aria-label="Legend">
      {TASK_STATES.map((state) => {
        const look = lookOf(state);
        return (
          <li key={state}>
            <span className={`legend-cell state-${look.name}`} aria-hidden="true">
              {look.sign}
            </span>
            {look.word}
          </li>
        );
      })}
    </ul>
  );
}
