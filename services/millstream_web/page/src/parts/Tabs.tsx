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
  return (
    <nav className="tabs" aria-label={label}>
      {tabs.map((tab) => (
        <Link key={tab.id} href={tab.to} aria-current={tab.id === now ? "page" : undefined}>
          {tab.name}
        </Link>
      ))}
    </nav>
  );
}
