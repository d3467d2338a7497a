/** What an address is about: for titles, and to tell a change of page from a change of view. */

export const PLACES = [
  { name: "Home", to: "/", key: "g h" },
  { name: "DAGs", to: "/dags", key: "g d" },
  { name: "Assets", to: "/assets", key: "g s" },
  { name: "Approvals", to: "/approvals", key: "g a" },
  { name: "Pools", to: "/pools", key: "g p" },
  { name: "Variables", to: "/variables", key: "g v" },
  { name: "Connections", to: "/connections", key: "g c" },
  { name: "Workers", to: "/workers", key: "g w" },
  { name: "Audit log", to: "/audit", key: "g l" },
  { name: "Access", to: "/access", key: "g x" },
  { name: "Import errors", to: "/import-errors", key: "g i" },
] as const;

const SUBPAGES = ["trigger", "backfill"];

/** The address without what is only another view of the same page: a tab. */
export function pageOf(location: string): string {
  const [dags, dagId, runs, runId, more, ...rest] = parts(location);
  if (dags !== "dags" || !dagId) return `/${dags ?? ""}`;
  if (SUBPAGES.includes(runs ?? "")) return `/dags/${dagId}/${runs}`;
  if (runs !== "runs" || !runId) return `/dags/${dagId}`;
  const run = `/dags/${dagId}/runs/${runId}`;
  return more === "tasks" || more === "compare" ? `${run}/${more}/${rest[0] ?? ""}` : run;
}

/** The title of the document, the most specific first. */
export function titleOf(location: string): string {
  const names = parts(pageOf(location)).map(decoded);
  const [, dagId, runs, runId, , last] = names;
  const place = PLACES.find(({ to }) => to === `/${names[0] ?? ""}`)?.name;
  if (!dagId) return [place, "Millstream"].filter(Boolean).join(" · ");
  const sub = runs && SUBPAGES.includes(runs) ? runs[0]!.toUpperCase() + runs.slice(1) : undefined;
  return [last, runId, sub, dagId, "Millstream"].filter(Boolean).join(" · ");
}

/** Whether an address is in a place of the navigation. */
export function isIn(location: string, place: string): boolean {
  return location === place || (place !== "/" && location.startsWith(`${place}/`));
}

function parts(location: string): string[] {
  return location.split(/[?#]/)[0]!.split("/").filter(Boolean);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
