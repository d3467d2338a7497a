/** How tasks, groups and joins look. */
import { Handle, type NodeProps, Position, useStore } from "@xyflow/react";
import { memo, type ReactNode, type RefObject, useEffect, useRef } from "react";
import type { TaskState } from "../../api/types";
import type { GroupBranch, TaskLeaf } from "../groups";
import { lookOf, stateOfAll } from "../states";
import { type MappedCount, useDrawn } from "./drawn";
import type { Direction } from "./elk";
import { taskNode } from "./visible";

// Below this zoom nobody can read a text; the colour and the sign are left.
const READABLE = 0.4;

function useIsFar(): boolean {
  return useStore((store) => store.transform[2] < READABLE);
}

function TaskNode({ id, data }: NodeProps) {
  const { tree, states, counts, selected, found } = useDrawn();
  const isFar = useIsFar();
  const leaf = tree.tasks.get(String(data.of));
  if (!leaf) return null;
  return (
    <NodeButton id={id} isSelected={selected === leaf.id}>
      <TaskFace
        leaf={leaf}
        state={states && (states.get(leaf.id) ?? "TASK_STATE_NONE")}
        done={counts?.get(leaf.id)?.done}
        total={counts?.get(leaf.id)?.total}
        isDim={found !== undefined && !found.has(leaf.id)}
        isFar={isFar}
      />
    </NodeButton>
  );
}

interface Face {
  leaf: TaskLeaf;
  state: TaskState | undefined;
  done: number | undefined;
  total: number | undefined;
  isDim: boolean;
  isFar: boolean;
}

const TaskFace = memo(function TaskFace({ leaf, state, done, total, isDim, isFar }: Face) {
  const { spec } = leaf;
  const look = lookOf(state ?? "TASK_STATE_NONE");
  const mark = spec.isSetup ? "setup" : spec.isTeardown ? "teardown" : "";
  const count = done !== undefined && total !== undefined ? mappedText({ done, total }) : "[ ]";
  return (
    <span className={faceClass(look.name, isDim, isFar)} title={titleOf(leaf)}>
      <span className="node-name">
        {leaf.label}
        {(total !== undefined || spec.mappedOver.length > 0) && ` ${count}`}
      </span>
      <span className="node-facts">
        {state && (
          <span className="node-state">
            <span aria-hidden="true">{look.sign}</span> {look.word}
          </span>
        )}
        {mark && <span className="node-mark">{mark}</span>}
        <span className="node-operator">{spec.operator}</span>
      </span>
    </span>
  );
});

/** `[3/10]`, or `[10]` when all are over. */
export function mappedText({ done, total }: MappedCount): string {
  return done < total ? `[${done}/${total}]` : `[${total}]`;
}

function titleOf(leaf: TaskLeaf): string {
  const rule = leaf.spec.triggerRule;
  return rule && rule !== "all_success" ? `${leaf.id}\ntrigger rule: ${rule}` : leaf.id;
}

function faceClass(look: string, isDim: boolean, isFar: boolean): string {
  return `node-face state-${look}${isDim ? " is-dim" : ""}${isFar ? " is-far" : ""}`;
}

/** The focus goes to the node to which the keyboard came. */
function useFocus(id: string): RefObject<HTMLButtonElement | null> {
  const { current, takesFocus } = useDrawn();
  const button = useRef<HTMLButtonElement>(null);
  const isCurrent = current === id;
  useEffect(() => {
    if (!isCurrent || !takesFocus.current) return;
    takesFocus.current = false;
    button.current?.focus({ preventScroll: true });
  }, [isCurrent, takesFocus]);
  return button;
}

/** A group whose tasks are drawn: a frame with its name, which folds it. */
function GroupNode({ id, data }: NodeProps) {
  const { tree, fold } = useDrawn();
  const isFar = useIsFar();
  const button = useFocus(id);
  const group = tree.groups.get(String(data.of));
  if (!group) return null;
  return (
    <div className={`group-frame${isFar ? " is-far" : ""}`}>
      <button
        ref={button}
        type="button"
        className="plain group-name"
        aria-expanded="true"
        title={group.spec.tooltip || group.id}
        onClick={() => fold(group.id)}
      >
        <span aria-hidden="true">▾</span>
        <span className="node-name">
          {group.label}
          {group.spec.mappedOver.length > 0 && " [ ]"}
        </span>
      </button>
    </div>
  );
}

/** A group that stands for its tasks. */
function FoldedNode({ id, data }: NodeProps) {
  const { tree, states, found } = useDrawn();
  const isFar = useIsFar();
  const group = tree.groups.get(String(data.of));
  if (!group) return null;
  const of = states && group.tasks.map((task) => states.get(task) ?? "TASK_STATE_NONE");
  const isDim = found !== undefined && !group.tasks.some((task) => found.has(task));
  const look = lookOf(of ? stateOfAll(of) : "TASK_STATE_NONE");
  return (
    <NodeButton id={id} isSelected={false} folds={group}>
      <span
        className={`${faceClass(look.name, isDim, isFar)} is-folded`}
        title={group.spec.tooltip || group.id}
      >
        <span className="node-name">
          <span aria-hidden="true">▸ </span>
          {group.label}
          {group.spec.mappedOver.length > 0 && " [ ]"}
        </span>
        <span className="node-facts">
          {of ? <Sum states={of} /> : null}
          <span className="node-operator">
            {group.tasks.length} {group.tasks.length === 1 ? "task" : "tasks"}
          </span>
        </span>
      </span>
    </NodeButton>
  );
}

/** How many tasks are in which state, the most telling first: `✕ 2 failed`. */
function Sum({ states }: { states: readonly TaskState[] }) {
  const worst = stateOfAll(states);
  const look = lookOf(worst);
  const count = states.filter((state) => state === worst).length;
  return (
    <span className="node-state">
      <span aria-hidden="true">{look.sign}</span> {count} {look.word}
    </span>
  );
}

/** A click chooses a task and unfolds a group; Enter or a double click opens a task. */
function NodeButton({
  id,
  isSelected,
  folds,
  children,
}: {
  id: string;
  isSelected: boolean;
  folds?: GroupBranch;
  children: ReactNode;
}) {
  const { current, choose, open, fold, direction } = useDrawn();
  const button = useFocus(id);
  const task = folds ? undefined : id.slice(taskNode("").length);
  return (
    <>
      <Ends direction={direction} />
      <button
        ref={button}
        type="button"
        className="plain node"
        data-node={id}
        tabIndex={current === id ? 0 : -1}
        {...(folds ? { "aria-expanded": false } : { "aria-pressed": isSelected })}
        onClick={() => (folds ? fold(folds.id) : choose(id))}
        onDoubleClick={() => task && open?.(task)}
        onKeyDown={(event) => {
          if (event.key !== "Enter" || !task || !open) return;
          event.preventDefault();
          open(task);
        }}
      >
        {children}
      </button>
    </>
  );
}

/** Where edges begin and end. React Flow finds these in the document, though we draw the edges. */
const Ends = memo(function Ends({ direction }: { direction: Direction }) {
  const [from, to] =
    direction === "right" ? [Position.Left, Position.Right] : [Position.Top, Position.Bottom];
  return (
    <>
      <Handle type="target" position={from} isConnectable={false} />
      <Handle type="source" position={to} isConnectable={false} />
    </>
  );
});

function JoinNode() {
  const { direction } = useDrawn();
  return (
    <>
      <Ends direction={direction} />
      <span className="node-join" />
    </>
  );
}

export const nodeTypes = {
  task: TaskNode,
  frame: GroupNode,
  folded: FoldedNode,
  join: JoinNode,
};
