// Submits a DAG of bash tasks to Millstream, starts a run and watches it to its end. There is no
// Python in it: the protos are all that a client needs.
//
//   npm install && npm run build && npm start -- localhost:27800

import { randomUUID } from "node:crypto";
import path from "node:path";
import * as grpc from "@grpc/grpc-js";
import * as protoLoader from "@grpc/proto-loader";
import type { ProtoGrpcType as DagTypes } from "./generated/dags";
import type { ProtoGrpcType as RunTypes } from "./generated/runs";
import type { DagSpec } from "./generated/millstream/rpc/v1/DagSpec";
import type { Event__Output as Event } from "./generated/millstream/rpc/v1/Event";
import type { SubmitDagResponse__Output as Submitted } from "./generated/millstream/rpc/v1/SubmitDagResponse";
import type { TriggerRunResponse__Output as Triggered } from "./generated/millstream/rpc/v1/TriggerRunResponse";
import type { WatchRunResponse__Output as Watched } from "./generated/millstream/rpc/v1/WatchRunResponse";

const PROTO_DIR = process.env.PROTO_DIR ?? path.join(__dirname, "../../../proto");
const CALL_MS = 30_000;
const MOST_TRIES = 10;
const ENDS = new Set(["RunSucceeded", "RunFailed", "RunQuarantined"]);

const DAG: DagSpec = {
  dagId: "from_typescript",
  description: "Submitted through protobuf alone.",
  tasks: [
    { taskId: "extract", bash: { command: "echo 42", appendEnv: true } },
    { taskId: "double", upstream: ["extract"], bash: { command: "echo $((21 * 2))", appendEnv: true } },
    { taskId: "report", upstream: ["extract", "double"], bash: { command: "echo done", appendEnv: true } },
  ],
};

function load(): { dags: DagTypes; runs: RunTypes } {
  const options = { longs: String, enums: String, oneofs: true, includeDirs: [PROTO_DIR] };
  const read = (file: string) =>
    grpc.loadPackageDefinition(protoLoader.loadSync(`millstream/rpc/v1/${file}`, options));
  return {
    dags: read("dags.proto") as unknown as DagTypes,
    runs: read("runs.proto") as unknown as RunTypes,
  };
}

type Callback<T> = (error: grpc.ServiceError | null, answer?: T) => void;
type Method<T> = (options: grpc.CallOptions, callback: Callback<T>) => unknown;

// A call with a deadline. While the api is unavailable it is sent again: a change carries a
// request_id, so that the same request twice is one.
async function ask<T>(method: Method<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await new Promise<T>((resolve, reject) =>
        method({ deadline: Date.now() + CALL_MS }, (error, answer) =>
          error !== null || answer === undefined ? reject(error) : resolve(answer),
        ),
      );
    } catch (error) {
      if (!isUnavailable(error) || tries === MOST_TRIES) throw error;
      await pause(tries);
    }
  }
}

// The events of a run, each once: a stream that breaks is opened again behind the last of them.
async function* watch(
  open: (fromPosition: string) => grpc.ClientReadableStream<Watched>,
): AsyncGenerator<Event> {
  let upcoming = 0n;
  for (let tries = 1; ; tries++) {
    const stream = open(upcoming.toString());
    try {
      for await (const answer of stream) {
        const event = (answer as Watched).event;
        if (event === null || event === undefined) continue;
        upcoming = BigInt(event.position ?? 0) + 1n;
        tries = 1;
        yield event;
      }
      return;
    } catch (error) {
      if (!isUnavailable(error) || tries === MOST_TRIES) throw error;
      await pause(tries);
    } finally {
      stream.cancel();
    }
  }
}

function isUnavailable(error: unknown): boolean {
  return (error as grpc.ServiceError | null)?.code === grpc.status.UNAVAILABLE;
}

function pause(tries: number): Promise<void> {
  const longest = Math.min(100 * 2 ** tries, 2_000);
  return new Promise((resolve) => setTimeout(resolve, longest * (0.5 + Math.random() / 2)));
}

async function main(address: string): Promise<boolean> {
  const { dags, runs } = load();
  const credentials = grpc.credentials.createInsecure();
  const dagService = new dags.millstream.rpc.v1.DagService(address, credentials);
  const runService = new runs.millstream.rpc.v1.RunService(address, credentials);
  try {
    const submit = { requestId: randomUUID(), spec: DAG };
    const submitted = await ask<Submitted>((o, done) => dagService.submitDag(submit, o, done));
    console.log(`DAG ${submitted.dagId} is version ${submitted.version}`);

    const trigger = { requestId: randomUUID(), dagId: DAG.dagId, unpause: true };
    const run = await ask<Triggered>((o, done) => runService.triggerRun(trigger, o, done));
    console.log(`Run ${run.runId} is requested`);

    let last = "";
    const request = { dagId: run.dagId, runId: run.runId };
    for await (const event of watch((fromPosition) => runService.watchRun({ ...request, fromPosition }))) {
      console.log(`${event.position} ${event.type} ${event.taskId ?? ""}`.trimEnd());
      if (ENDS.has(event.type ?? "")) last = event.type ?? "";
    }
    return last === "RunSucceeded";
  } finally {
    dagService.close();
    runService.close();
  }
}

main(process.argv[2] ?? process.env.MILLSTREAM_API_ADDRESS ?? "localhost:27800").then(
  (isGood) => process.exit(isGood ? 0 : 3),
  (error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  },
);
