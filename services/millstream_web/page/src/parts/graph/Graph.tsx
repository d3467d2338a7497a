/**
 * The graph of a DAG version, with the states of a run.
 *
 *     <Graph
 *       spec={version.spec}     the same object as long as it is the same version: a new one is laid out
 *       states={states}         a Map of task id to state; left out: there is no run to show
 *       counts={counts}         of mapped tasks: how many instances are over, and how many there are
 *       selected={task}         a task id, as `?task=` in the address has it (`useSearchParam("task")`)
 *       onSelect={setTask}
 *       onOpen={openTask}       Enter or a double click on a task
 *     />
 *
 * Only `spec`, what is folded and the direction make a layout, which a worker computes (with ELK; what is
 * too large for it is laid out more simply, at once). States may
 * come as often as they like, from now or from any moment of the past: they only colour. For a mapped
 * task give `stateOfAll(states of its instances)` of `parts/states`. Import this lazily: React Flow
 * and ELK are no part of the first load. `--graph-height` sets how high it is.
 */
import "@xyflow/react/dist/style.css";
import "./graph.css";
import { ReactFlowProvider } from "@xyflow/react";
import { useDeferredValue, useEffect, useMemo, useRef, useState } from "react";
import type { DagSpec, TaskState } from "../../api/types";
import { useSettings } from "../../app/settings";
import { treeOf } from "../groups";
import { Empty, Failure } from "../Query";
import { Bar } from "./Bar";
import { Canvas } from "./Canvas";
import { type Drawn, DrawnContext, type MappedCount } from "./drawn";
import type { Layout } from "./elk";
import { useFolding } from "./useFolding";
import { useLayout } from "./useLayout";
import { groupNode, taskNode, visibleGraph } from "./visible";

interface Props {
  spec: DagSpec;
  states?: ReadonlyMap<string, TaskState> | undefined;
  counts?: ReadonlyMap<string, MappedCount> | undefined;
  selected?: string | undefined;
  onSelect: (taskId: string) => void;
  onOpen?: ((taskId: string) => void) | undefined;
}

export default function Graph({ spec, states, counts, selected, onSelect, onOpen }: Props) {
  const tree = useMemo(() => treeOf(spec), [spec]);
  const { graphDirection: direction } = useSettings();
  const folding = useFolding(tree, selected);
  const graph = useMemo(() => visibleGraph(tree, folding.folded), [tree, folding.folded]);
  const { layout, error } = useLayout(graph, direction);
  const [search, setSearch] = useState("");
  const found = useMemo(() => matching(spec, search), [spec, search]);
  const anchor = useRef<string | undefined>(undefined);
  const walk = useWalk(layout, selected, onSelect);
  const drawn: Drawn = {
    tree,
    direction: layout?.direction ?? direction,
    states,
    counts,
    selected,
    found,
    ...walk,
    open: onOpen,
    fold: (group) => {
      anchor.current = groupNode(group);
      walk.choose(groupNode(group));
      folding.turn(group);
    },
  };
  const calm = useDeferredValue(states);

  if (!spec.tasks.length) return <Empty>This DAG has no tasks.</Empty>;
  if (error) return <Failure error={error} />;
  return (
    <section className="graph" aria-label={`Graph of ${spec.dagId}`}>
      <Bar
        search={search}
        onSearch={setSearch}
        found={found && [...found]}
        selected={selected}
        onSelect={onSelect}
        isComing={layout !== undefined && (layout.graph !== graph || layout.direction !== direction)}
        groups={tree.groups.size}
        foldAll={folding.foldAll}
        unfoldAll={folding.unfoldAll}
      />
      {layout ? (
        <ReactFlowProvider>
          <DrawnContext value={drawn}>
            <Canvas layout={layout} calmStates={calm} anchor={anchor} />
          </DrawnContext>
        </ReactFlowProvider>
      ) : (
        <p className="loading">Laying out {spec.tasks.length} tasks…</p>
      )}
    </section>
  );
}

/** The node that the keyboard is at: the one that was chosen last, if it is drawn. */
function useWalk(
  layout: Layout | undefined,
  selected: string | undefined,
  onSelect: (taskId: string) => void,
): Pick<Drawn, "current" | "takesFocus" | "choose"> {
  const [at, setAt] = useState<string>();
  const takesFocus = useRef(false);
  useEffect(() => {
    if (selected !== undefined) setAt(taskNode(selected));
  }, [selected]);
  const first = layout?.graph.nodes.find(({ kind }) => kind === "task" || kind === "folded")?.id;
  const task = taskNode("");
  return {
    current: at !== undefined && layout?.places.has(at) ? at : first,
    takesFocus,
    choose: (id) => {
      setAt(id);
      if (id.startsWith(task)) onSelect(id.slice(task.length));
    },
  };
}

function matching(spec: DagSpec, search: string): ReadonlySet<string> | undefined {
  const text = search.trim().toLowerCase();
  if (!text) return undefined;
  const found = spec.tasks.filter(
    ({ taskId, displayName }) =>
      taskId.toLowerCase().includes(text) || displayName.toLowerCase().includes(text),
  );
  return new Set(found.map((task) => task.taskId));
}
