import type { ReactNode } from "react";
import { Link, useLocation } from "wouter";
import { useFeedState } from "../live/hooks";
import { paths } from "./paths";
import { choose, useSettings } from "./settings";

const PLACES: readonly { name: string; to: string; parts?: readonly string[] }[] = [
  { name: "Home", to: paths.home() },
  { name: "DAGs", to: paths.dags() },
  { name: "Assets", to: paths.assets() },
  { name: "Approvals", to: paths.approvals() },
  { name: "Pools", to: paths.pools() },
  { name: "Variables", to: paths.variables() },
  { name: "Connections", to: paths.connections() },
  { name: "Workers", to: paths.workers() },
  { name: "Audit log", to: paths.audit() },
];

/** What is around every page. */
export function Shell({ children }: { children: ReactNode }) {
  const [location] = useLocation();
  return (
    <>
      <a className="skip" href="#main">
        Skip to the page
      </a>
      <header className="top">
        <Link href={paths.home()} className="brand">
          <img src="/millstream.svg" alt="" width="24" height="24" />
          Millstream
        </Link>
        <nav aria-label="Places">
          {PLACES.map(({ name, to }) => (
            <Link key={to} href={to} aria-current={isIn(location, to) ? "page" : undefined}>
              {name}
            </Link>
          ))}
        </nav>
        <Choices />
      </header>
      <main id="main">{children}</main>
    </>
  );
}

function isIn(location: string, place: string): boolean {
  return location === place || (place !== "/" && location.startsWith(`${place}/`));
}

function Choices() {
  const { theme, zone } = useSettings();
  const state = useFeedState();
  return (
    <div className="choices">
      <span className={`feed ${state === "live" ? "is-live" : "is-cut"}`} role="status">
        {state}
      </span>
      <button type="button" className="plain" onClick={() => choose({ zone: zone === "utc" ? "local" : "utc" })}>
        {zone === "utc" ? "UTC" : "local time"}
      </button>
      <button
        type="button"
        className="plain"
        onClick={() =>
          choose({ theme: theme === "system" ? "dark" : theme === "dark" ? "light" : "system" })
        }
      >
        {theme} theme
      </button>
    </div>
  );
}
