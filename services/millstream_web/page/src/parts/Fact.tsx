import type { ReactNode } from "react";

/** A name and what it is, in a list of such; nothing where it is not. */
export function Fact({ name, children }: { name: string; children: ReactNode }) {
  if (!children) return null;
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
