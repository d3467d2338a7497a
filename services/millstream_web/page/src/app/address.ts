/**
 * The address as it is written. wouter decodes it by half before it looks at it: a name with a slash,
 * a colon or a percent sign in it would be another name afterwards, or another page.
 */
import { useCallback, useMemo } from "react";
import { navigate, usePathname, useSearch } from "wouter/use-browser-location";

/** For wouter's `Router`: what it decodes is then the path as it was. */
export function useWrittenLocation(): [string, typeof navigate] {
  return [usePathname().replaceAll("%", "%25"), navigate];
}

/** A name out of a part of the path. */
export function named(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/**
 * A parameter behind the `?`, and how to change it; undefined or empty takes it away. A change
 * replaces the entry of the history, so that Back leaves the page and does not undo choices one by one.
 */
export function useSearchParam(
  name: string,
): [string | undefined, (value: string | undefined) => void] {
  const now = new URLSearchParams(useSearch()).get(name) || undefined;
  const set = useCallback((value: string | undefined) => write(name, value ? [value] : []), [name]);
  return [now, set];
}

type SetList = (name: string, values: readonly string[], isPlace?: boolean) => void;

/** All parameters, and how to change one that may stand there several times. `isPlace`: Back undoes it. */
export function useSearchLists(): [URLSearchParams, SetList] {
  const search = useSearch();
  return [useMemo(() => new URLSearchParams(search), [search]), write];
}

function write(name: string, values: readonly string[], isPlace = false): void {
  // Read when it is needed: two changes may come one right after the other.
  const next = new URLSearchParams(window.location.search);
  next.delete(name);
  for (const value of values) if (value) next.append(name, value);
  const search = next.size ? `?${next}` : "";
  if (search !== window.location.search)
    navigate(window.location.pathname + search, { replace: !isPlace });
}
