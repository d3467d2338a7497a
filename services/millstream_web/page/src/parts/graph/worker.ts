/** The worker that computes layouts: one for the page, made when the first graph is shown. */
import ELK from "elkjs/lib/elk-api";
import { type Direction, elkInput, type Layout, layoutFrom } from "./elk";
import type { VisibleGraph } from "./visible";

let elk: InstanceType<typeof ELK> | undefined;

export async function layOut(graph: VisibleGraph, direction: Direction): Promise<Layout> {
  elk ??= new ELK({
    workerFactory: () => new Worker(new URL("./elk.worker.ts", import.meta.url), { type: "module" }),
  });
  const found = await elk.layout(elkInput(graph, direction));
  return layoutFrom(graph, direction, found);
}
