import type { RunState, TaskState } from "../api/types";
import { lookOf } from "./states";

/** A state as a badge. `small`: the sign alone, with the word for those who hear the page. */
export function State({ of, small = false }: { of: TaskState | RunState; small?: boolean }) {
  const look = lookOf(of);
  return (
    <span className={`badge state-${look.name}`} title={look.word}>
      <span aria-hidden="true">{look.sign}</span>
      <span className={small ? "unseen" : undefined}>{look.word}</span>
    </span>
  );
}
