/** Roles in words. */
import type { Role, RoleBinding } from "../../api/types";

export const ROLES: readonly { id: Role; name: string; may: string }[] = [
  { id: "ROLE_VIEWER", name: "viewer", may: "sees DAGs, runs, tasks, logs, events, XComs and pools" },
  { id: "ROLE_OPERATOR", name: "operator", may: "also triggers, clears, marks, pauses and makes backfills" },
  { id: "ROLE_AUTHOR", name: "author", may: "also submits DAGs, and sets variables and connections" },
  { id: "ROLE_ADMIN", name: "admin", may: "also decides who has which role" },
];

export function roleName(role: Role): string {
  return ROLES.find(({ id }) => id === role)?.name ?? role;
}

/** What a role is granted on. */
export function placeOf({ namespace, dagId }: Pick<RoleBinding, "namespace" | "dagId">): string {
  if (dagId) return `DAG ${dagId} of ${namespace}`;
  return namespace === "*" ? "everything" : `namespace ${namespace}`;
}

const SCOPE = /^(viewer|operator|author|admin)(:[^/\s]+(\/\S+)?)?$/i;

/** The scopes that somebody typed, one on each line or with commas, and those that are none. */
export function scopesOf(text: string): { scopes: string[]; wrong: string[] } {
  const all = text.split(/[\n,]/).map((each) => each.trim()).filter(Boolean);
  return { scopes: all, wrong: all.filter((each) => !SCOPE.test(each)) };
}
