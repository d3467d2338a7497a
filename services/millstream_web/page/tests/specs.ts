/** Specs for tests, with only what matters in them. */
import type { DagSpec, GroupSpec, TaskSpec } from "../src/api/types";

export function task(taskId: string, upstream: string[] = [], more: Partial<TaskSpec> = {}): TaskSpec {
  return {
    taskId,
    upstream,
    operator: "EmptyOperator",
    group: "",
    displayName: "",
    edgeLabels: {},
    mappedOver: [],
    isSetup: false,
    isTeardown: false,
    triggerRule: "",
    ...more,
  } as TaskSpec;
}

export function group(groupId: string, parent = "", label = ""): GroupSpec {
  return { groupId, parent, label, tooltip: "", mappedOver: [] };
}

export function spec(tasks: TaskSpec[], groups: GroupSpec[] = []): DagSpec {
  return { dagId: "d", tasks, groups } as unknown as DagSpec;
}

/** A thousand tasks: stages of ten, each one a group, every task after two of the stage before. */
export function large(tasks = 1000, width = 10, isGrouped = true): DagSpec {
  const stages = Math.ceil(tasks / width);
  const name = (stage: number, at: number) => `${isGrouped ? `stage_${stage}.` : `s${stage}_`}t${at}`;
  return spec(
    Array.from({ length: tasks }, (_, index) => {
      const stage = Math.floor(index / width);
      const at = index % width;
      const upstream = stage ? [name(stage - 1, at), name(stage - 1, (at + 1) % width)] : [];
      return task(name(stage, at), upstream, { group: isGrouped ? `stage_${stage}` : "" });
    }),
    isGrouped ? Array.from({ length: stages }, (_, stage) => group(`stage_${stage}`)) : [],
  );
}
