import { type KeyboardEvent, memo, type MouseEvent, useRef } from "react";
import { useLocation } from "wouter";
import { paths } from "../../app/paths";
import type { RunSummary } from "../../api/types";
import { lookOf } from "../../parts/states";
import { barsOf } from "./bars";

/**
 * The last runs of a DAG; each leads to its run. One stop for the keyboard, arrows go on from it.
 * There are hundreds of these links on a page, so the list takes the clicks for all of its own.
 */
export const RunBars = memo(function RunBars({ dagId, runs }: { dagId: string; runs: readonly RunSummary[] }) {
  const list = useRef<HTMLUListElement>(null);
  const [, go] = useLocation();
  const bars = barsOf(runs, Date.now());
  const step = (event: KeyboardEvent) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by) return;
    const links = [...(list.current?.querySelectorAll("a") ?? [])];
    links[links.indexOf(document.activeElement as HTMLAnchorElement) + by]?.focus();
    event.preventDefault();
  };
  const follow = (event: MouseEvent) => {
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    // With a key held the browser opens it elsewhere.
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(link.pathname);
  };
  if (!bars.length) return <span className="faint">no runs</span>;
  return (
    <ul className="bars" ref={list} aria-label={`Last runs of ${dagId}`} onKeyDown={step} onClick={follow}>
      {bars.map((bar, index) => (
        <li key={bar.runId}>
          <a
            href={paths.run(dagId, bar.runId)}
            className={`state-${lookOf(bar.state).name}`}
            title={bar.title}
            aria-label={bar.title}
            tabIndex={index === bars.length - 1 ? 0 : -1}
          >
            <span style={{ height: `${Math.round(bar.height * 100)}%` }} />
          </a>
        </li>
      ))}
    </ul>
  );
});
