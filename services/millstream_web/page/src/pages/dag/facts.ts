/** What a spec says, as a reader asks for it. */
import type { AssetOrAlias, DagSpec, DeadlineSpec } from "../../api/types";
import { duration } from "../../parts/time";

export type Names = readonly string[];

/** The assets that tasks read and write, each once, with the tasks that do. */
export function assetsOf(spec: DagSpec): { reads: Names; writes: Names } {
  const found = (side: "inlets" | "outlets"): string[] => {
    const tasks = new Map<string, string[]>();
    for (const task of spec.tasks) {
      for (const each of task[side]) {
        const name = nameOf(each);
        tasks.set(name, [...(tasks.get(name) ?? []), task.taskId]);
      }
    }
    return [...tasks].sort().map(([name, ids]) => `${name} (${ids.join(", ")})`);
  };
  return { reads: found("inlets"), writes: found("outlets") };
}

function nameOf({ asset, alias }: AssetOrAlias): string {
  if (alias) return `alias ${alias.name}`;
  if (!asset) return "";
  return asset.name && asset.uri && asset.name !== asset.uri
    ? `${asset.name} at ${asset.uri}`
    : asset.name || asset.uri;
}

const REFERENCES: Record<string, string> = {
  logical_date: "its logical date",
  queued_at: "it was queued",
  average_runtime: "it began, compared with the average",
};

/** `report: 2 h 0 m after its logical date`. */
export function deadlineInWords({ name, reference, intervalS, at }: DeadlineSpec): string {
  const from = reference === "fixed_datetime" ? at : (REFERENCES[reference] ?? reference);
  const far = intervalS < 0 ? `${duration(-intervalS * 1000)} before` : `${duration(intervalS * 1000)} after`;
  return `${name ? `${name}: ` : ""}${far} ${from}`;
}

/** Of the DAG, and of each task that has some. */
export function callbacksOf(spec: DagSpec): Names {
  const own = spec.callbacks.length ? [`the DAG: ${spec.callbacks.join(", ")}`] : [];
  const tasks = spec.tasks
    .filter((task) => task.callbacks.length)
    .map((task) => `${task.taskId}: ${task.callbacks.join(", ")}`);
  return [...own, ...tasks];
}
