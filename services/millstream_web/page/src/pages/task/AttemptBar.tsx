import { Link } from "wouter";
import { paths, type TaskTab } from "../../app/paths";
import type { TaskInstance } from "../../api/types";
import { lookOf } from "../../parts/states";
import { between, instant } from "../../parts/time";
import type { TaskAt } from "./at";
import { stateOfAttempt, useAttempts } from "./attempts";

/** So many of the latest attempts are buttons; the others are chosen by number. */
const MOST = 12;

/** The attempts, to choose from. Not shown where there is but one. */
export function AttemptBar({ at, task, tab }: { at: TaskAt; task: TaskInstance; tab: TaskTab }) {
  const found = useAttempts(at.namespace, task);
  const attempts = found.data?.attempts ?? [];
  if (attempts.length < 2) return null;
  const chosen = at.attempt || attempts.at(-1)?.attempt;
  return (
    <nav className="attempts" aria-label="Attempts">
      {attempts.length > MOST && <span className="faint">{attempts.length - MOST} earlier …</span>}
      {attempts.slice(-MOST).map((each) => {
        const look = lookOf(stateOfAttempt(each.state));
        const isLast = each === attempts.at(-1);
        return (
          <Link
            key={each.attempt}
            className={`attempt state-${look.name}`}
            href={paths.task(task, tab, isLast ? undefined : each.attempt)}
            aria-current={each.attempt === chosen ? "true" : undefined}
            title={`${each.reason || each.state.replaceAll("_", " ")}${each.startedAt ? `, ${instant(each.startedAt)}` : ""}`}
          >
            <span aria-hidden="true">{look.sign}</span> {each.attempt}
            <span className="faint">
              {each.state.replaceAll("_", " ")} {between(each.startedAt, each.endedAt)}
            </span>
          </Link>
        );
      })}
    </nav>
  );
}
