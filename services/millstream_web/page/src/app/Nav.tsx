import { useEffect, useState } from "react";
import { Link, useLocation } from "wouter";
import { shown } from "./counts";
import { isIn, PLACES } from "./place";
import { paths } from "./paths";

/** What a count stands for, for those who hear it. */
const COUNTED: Record<string, string> = {
  "/approvals": "waiting",
  "/dags": "files that cannot be read",
};

/** The places, each with what waits there. Where there is no room for them they are behind a button. */
export function Nav({ counts }: { counts: Record<string, number | undefined> }) {
  const [location] = useLocation();
  const [isOpen, open] = useState(false);
  useEffect(() => open(false), [location]);
  const waits = Object.values(counts).some(Boolean);
  return (
    <nav
      aria-label="Places"
      className={isOpen ? "is-open" : undefined}
      onKeyDown={(event) => event.key === "Escape" && open(false)}
    >
      <button
        type="button"
        className="unfold"
        aria-expanded={isOpen}
        aria-controls="places"
        onClick={() => open(!isOpen)}
      >
        Menu{waits && <span className="dot" title="Something waits" />}
      </button>
      <ul id="places">
        {PLACES.filter(({ to }) => to !== paths.importErrors() || location === to).map(
          ({ name, to }) => (
            <li key={to}>
              <Link href={to} aria-current={isIn(location, to) ? "page" : undefined}>
                {name}
                {counts[to] ? (
                  <span className="count">
                    {shown(counts[to])} <span className="unseen">{COUNTED[to]}</span>
                  </span>
                ) : null}
              </Link>
            </li>
          ),
        )}
      </ul>
    </nav>
  );
}
