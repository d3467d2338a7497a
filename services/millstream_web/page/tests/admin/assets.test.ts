import { expect, it } from "vitest";
import type { Asset, AssetEvent, Dag } from "../../src/api/types";
import { assetGraph, namedIn, nodeOf } from "../../src/pages/assets/graph";

const asset = (name: string) => ({ name, uri: name }) as Asset;
const update = (name: string, dagId: string) => ({ name, dagId }) as AssetEvent;
const dag = (dagId: string, schedule: string, state?: Dag["recentRuns"][number]["state"]) =>
  ({ dagId, schedule, displayName: "", recentRuns: state ? [{ runId: "r", state, runType: "" }] : [] }) as unknown as Dag;

it("finds the assets that a schedule names", () => {
  const names = new Set(["orders", "a b", "c"]);
  expect(namedIn("assets: orders and (a b or c)", names)).toEqual(["orders", "a b", "c"]);
  expect(namedIn("0 1 * * * (UTC), or assets: c", names)).toEqual(["c"]);
  expect(namedIn("assets: unknown", names)).toEqual([]);
  expect(namedIn("@daily", names)).toEqual([]);
});

it("draws who makes an asset and what it starts, each edge once", () => {
  const { spec, states } = assetGraph(
    [asset("orders"), asset("alone")],
    [update("orders", "make"), update("orders", "make"), update("orders", ""), update("gone", "make")],
    [dag("use", "assets: orders", "RUN_STATE_FAILED"), dag("make", "@daily"), dag("other", "@daily")],
  );
  const upstream = Object.fromEntries(spec.tasks.map((task) => [task.taskId, task.upstream]));
  expect(upstream).toEqual({
    "asset:orders": ["dag:make"],
    "asset:alone": [],
    "dag:use": ["asset:orders"],
    "dag:make": [],
  });
  expect([...states]).toEqual([["dag:use", "TASK_STATE_FAILED"]]);
});

it("reads a node's id back, whatever is in the name", () => {
  expect(nodeOf("asset:dag:x")).toEqual({ kind: "asset", name: "dag:x" });
  expect(nodeOf("dag:a:b")).toEqual({ kind: "dag", name: "a:b" });
});
