import { useEffect, useRef } from "react";
import { Link } from "wouter";

/** Links to the parts of a page, each with an address of its own. */
export function Tabs({
  label,
  tabs,
  now,
}: {
  label: string;
  tabs: readonly { id: string; name: string; to: string }[];
  now: string;
}) {
  const bar = useRef<HTMLElement>(null);
  // Where there is no room for all of them, the one that is shown is in sight.
  useEffect(() => {
    const shown = bar.current?.querySelector<HTMLElement>("[aria-current]");
    if (bar.current && shown) bar.current.scrollLeft = shown.offsetLeft - bar.current.offsetLeft - 24;
  }, [now]);
  return (
    <nav className="tabs" aria-label={label} ref={bar}>
      {tabs.map((tab) => (
        <Link key={tab.id} href={tab.to} aria-current={tab.id === now ? "page" : undefined}>
          {tab.name}
        </Link>
      ))}
    </nav>
  );
}
