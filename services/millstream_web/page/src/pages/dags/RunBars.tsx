import { type KeyboardEvent, useRef } from "react";
import { Link } from "wouter";
import { paths } from "../../app/paths";
import type { Dag } from "../../api/types";
import { lookOf } from "../../parts/states";
import { barsOf } from "./bars";

/** The last runs of a DAG; each leads to its run. One stop for the keyboard, arrows go on from it. */
export function RunBars({ dag }: { dag: Pick<Dag, "dagId" | "recentRuns"> }) {
  const list = useRef<HTMLUListElement>(null);
  const bars = barsOf(dag.recentRuns, Date.now());
  const step = (event: KeyboardEvent) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by) return;
    const links = [...(list.current?.querySelectorAll("a") ?? [])];
    links[links.indexOf(document.activeElement as HTMLAnchorElement) + by]?.focus();
    event.preventDefault();
  };
  if (!bars.length) return <span className="faint">no runs</span>;
  return (
    <ul className="bars" ref={list} aria-label={`Last runs of ${dag.dagId}`} onKeyDown={step}>
      {bars.map((bar, index) => {
        const look = lookOf(bar.state);
        return (
          <li key={bar.runId}>
            <Link
              href={paths.run(dag.dagId, bar.runId)}
              className={`state-${look.name}`}
              title={bar.title}
              aria-label={bar.title}
              tabIndex={index === bars.length - 1 ? 0 : -1}
            >
              <span style={{ height: `${Math.round(bar.height * 100)}%` }} />
            </Link>
          </li>
        );
      })}
    </ul>
  );
}
