import { Link } from "wouter";
import type { Dag } from "../../api/types";
import { paths } from "../../app/paths";

/** The name of the DAG, whether it goes on, and what can be done with it. */
export function Head({ dag }: { dag: Dag }) {
  return (
    <header className="head">
      <h1>{dag.displayName || dag.dagId}</h1>
      <div className="actions">
        <Link href={paths.trigger(dag.dagId)} className="button main">
          Trigger
        </Link>
        <Link href={paths.backfill(dag.dagId)} className="button">
          Backfill
        </Link>
      </div>
    </header>
  );
}
