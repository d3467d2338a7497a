import { type KeyboardEvent, useId, useState } from "react";
import { useLocation } from "wouter";
import { useRead } from "../api/queries";
import { Dialog } from "../parts/Dialog";
import { useDebounced } from "../parts/useDebounced";
import { type Goal, matches } from "./matches";
import { PLACES } from "./place";
import { paths } from "./paths";
import { useSettings } from "./settings";

const PAGES: Goal[] = PLACES.map(({ name, to }) => ({ kind: "page", name, to }));
/** Shorter texts are no ids of runs. */
const SHORTEST_RUN_ID = 6;

/** Go anywhere by typing a part of its name. */
export function Palette({ onClose }: { onClose: () => void }) {
  const [typed, type] = useState("");
  const [chosen, choose] = useState(0);
  const [, go] = useLocation();
  const id = useId();
  const { goals, isAsking } = useGoals(typed);
  const at = Math.min(chosen, goals.length - 1);
  const take = (goal: Goal | undefined) => {
    if (!goal) return;
    onClose();
    go(goal.to);
  };
  const press = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) choose((at + step + goals.length) % Math.max(goals.length, 1));
    else if (event.key === "Enter") take(goals[at]);
    else return;
    event.preventDefault();
  };
  return (
    <Dialog title="Go to" onClose={onClose}>
      <input
        className="goal"
        type="text"
        role="combobox"
        aria-label="A DAG, a run id or a page"
        placeholder="A DAG, a run id or a page"
        aria-expanded
        aria-controls={id}
        aria-activedescendant={goals.length ? `${id}-${at}` : undefined}
        autoComplete="off"
        spellCheck={false}
        data-focus
        value={typed}
        onKeyDown={press}
        onChange={(event) => {
          type(event.target.value);
          choose(0);
        }}
      />
      <Goals id={id} goals={goals} at={at} choose={choose} take={take} />
      <p className="faint" role="status">
        {isAsking ? "Looking…" : goals.length ? "" : "Nothing is called like this."}
      </p>
    </Dialog>
  );
}

function Goals({
  id,
  goals,
  at,
  choose,
  take,
}: {
  id: string;
  goals: readonly Goal[];
  at: number;
  choose: (index: number) => void;
  take: (goal: Goal) => void;
}) {
  return (
    <ul className="goals" id={id} role="listbox" aria-label="Goals">
      {goals.map((goal, index) => (
        <li
          key={goal.to}
          id={`${id}-${index}`}
          role="option"
          aria-selected={index === at}
          ref={(row) => {
            if (index === at) row?.scrollIntoView({ block: "nearest" });
          }}
          onPointerMove={() => choose(index)}
          onClick={() => take(goal)}
        >
          <span className="kind">{goal.kind}</span>
          <span className="name">{goal.name}</span>
          {goal.detail && <span className="faint">{goal.detail}</span>}
        </li>
      ))}
    </ul>
  );
}

function useGoals(typed: string): { goals: Goal[]; isAsking: boolean } {
  const { namespace } = useSettings();
  const asked = useDebounced(typed.trim());
  const dags = useRead(
    "DagService/ListDags",
    { namespace, search: asked, pageSize: 20 },
    { keep: true, staleTime: 10_000 },
  );
  // It is found as a whole only, and not to be found is no failure.
  const run = useRead(
    "RunService/GetRun",
    { namespace, runId: asked },
    { enabled: asked.length >= SHORTEST_RUN_ID, staleTime: 10_000 },
  );
  const found: Goal[] = [];
  const { dagId, runId } = run.data?.run ?? {};
  if (dagId && runId && asked.length >= SHORTEST_RUN_ID) {
    found.push({ kind: "run", name: runId, detail: dagId, to: paths.run(dagId, runId) });
  }
  for (const dag of dags.data?.dags ?? []) {
    const detail = dag.displayName && dag.displayName !== dag.dagId ? dag.displayName : dag.description;
    found.push({ kind: "DAG", name: dag.dagId, detail, to: paths.dag(dag.dagId) });
  }
  return { goals: goalsOf(found, typed), isAsking: dags.isFetching };
}

/** What the API found fits, even where only a description has the text. */
function goalsOf(found: Goal[], typed: string): Goal[] {
  const best = matches([...found, ...PAGES], typed);
  return [...best, ...found.filter((goal) => !best.includes(goal) && typed)].slice(0, 12);
}
