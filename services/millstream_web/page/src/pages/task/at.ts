/** What the address of a task's page says. */
import { useEffect, useState } from "react";
import { useSearch } from "wouter";
import { useSettings } from "../../app/settings";

export interface TaskAt {
  namespace: string;
  dagId: string;
  runId: string;
  taskId: string;
  /** Undefined: none is named, which of a mapped task means all instances. */
  mapIndex: number[] | undefined;
  /** 0: the latest. */
  attempt: number;
}

export function useTaskAt(of: { dagId: string; runId: string; taskId: string }): TaskAt {
  const { namespace } = useSettings();
  const search = new URLSearchParams(useSearch());
  return { namespace, ...of, ...parsed(search) };
}

export function parsed(search: URLSearchParams): Pick<TaskAt, "mapIndex" | "attempt"> {
  const map = search.get("map");
  const indices = (map ?? "").split(",").map(Number);
  const isPath = map !== null && indices.every((each) => Number.isInteger(each) && each >= 0);
  const attempt = Number(search.get("attempt"));
  return {
    mapIndex: isPath ? indices : undefined,
    attempt: Number.isInteger(attempt) && attempt > 0 ? attempt : 0,
  };
}

/** The line that `#L120` names. */
export function useLine(): number | undefined {
  const [hash, setHash] = useState(() => location.hash);
  useEffect(() => {
    const look = () => setHash(location.hash);
    const names = ["hashchange", "popstate", "pushState", "replaceState"];
    for (const name of names) addEventListener(name, look);
    return () => {
      for (const name of names) removeEventListener(name, look);
    };
  }, []);
  const found = /^#L([1-9]\d*)$/.exec(hash);
  return found ? Number(found[1]) : undefined;
}
