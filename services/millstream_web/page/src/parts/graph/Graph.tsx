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
import { Canvas } from "./Canvas";
import { type Drawn, DrawnContext, type MappedCount } from "./drawn";
import { Bar } from "./Bar";
import { useLayout } from "./useLayout";
import { foldedAtFirst, groupNode, taskNode, unfoldedTo, visibleGraph } from "./visible";

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
  const { graphDirection } = useSettings();
  const [chosen, setFolded] = useState<ReadonlySet<string>>();
  const folded = useMemo(() => chosen ?? foldedAtFirst(tree), [chosen, tree]);
  const graph = useMemo(() => visibleGraph(tree, folded), [tree, folded]);
  const { layout, error } = useLayout(graph, graphDirection);
  const [at, setAt] = useState<string>();
  const [search, setSearch] = useState("");
  const takesFocus = useRef(false);
  const anchor = useRef<string | undefined>(undefined);

  // What is chosen is seen, whoever chose it; afterwards its group may be folded again.
  useEffect(() => {
    if (selected === undefined) return;
    setAt(taskNode(selected));
    setFolded((now) => unfoldedTo(tree, now ?? foldedAtFirst(tree), selected));
  }, [selected, tree]);

  const found = useMemo(() => matching(spec, useful(search)), [spec, search]);
  const first = graph.nodes.find((node) => node.kind === "task" || node.kind === "folded")?.id;
  const current = at !== undefined && layout?.places.has(at) ? at : first;
  const drawn: Drawn = {
    tree,
    direction: layout?.direction ?? graphDirection,
    states,
    counts,
    selected,
    current,
    found,
    takesFocus,
    choose: (id) => {
      setAt(id);
      if (id.startsWith(taskNode(""))) onSelect(id.slice(taskNode("").length));
    },
    open: onOpen,
    fold: (group) => {
      anchor.current = groupNode(group);
      takesFocus.current = true;
      setAt(groupNode(group));
      const next = new Set(folded);
      if (!next.delete(group)) next.add(group);
      setFolded(next);
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
        isComing={layout !== undefined && (layout.graph !== graph || layout.direction !== graphDirection)}
        groups={tree.groups.size}
        foldAll={() => setFolded(new Set(tree.groups.keys()))}
        unfoldAll={() => setFolded(new Set())}
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

const useful = (text: string): string => text.trim().toLowerCase();

function matching(spec: DagSpec, text: string): ReadonlySet<string> | undefined {
  if (!text) return undefined;
  const found = spec.tasks.filter(
    ({ taskId, displayName }) =>
      taskId.toLowerCase().includes(text) || displayName.toLowerCase().includes(text),
  );
  return new Set(found.map((task) => task.taskId));
}
