import { expect, it } from "vitest";
import { ApiError } from "../../src/api/call";
import { refusalOf } from "../../src/parts/form/violations";
import { missing, NEW_RUN, triggerRequest } from "../../src/pages/trigger/request";

const refused = (...fieldViolations: { field: string; description: string }[]) =>
  new ApiError({ code: "INVALID_ARGUMENT", message: "No.", fieldViolations });

it("puts what the API refuses beside its field", () => {
  const error = refused(
    { field: "conf", description: "Param 'rows' of DAG 'my; dag' is 5000 in the conf; it must be at most 1000." },
    { field: "conf", description: "Param 'day' of DAG 'd' has no default; give it in the conf." },
    { field: "run_id", description: "It has a line break." },
    { field: "tasks[0]", description: "Odd." },
  );
  expect(refusalOf(error, ["run_id"])).toEqual({
    params: { rows: "must be at most 1000", day: "must have a value" },
    fields: { run_id: "It has a line break." },
    rest: ["tasks[0]: Odd."],
  });
});

it("shows the message of an error that is about no field, and nothing for none", () => {
  expect(refusalOf(refused(), []).rest).toEqual(["No."]);
  expect(refusalOf(null, []).rest).toEqual([]);
});

it("asks for the run that the form says", () => {
  const of = { namespace: "ns", dagId: "d", tags: [] };
  expect(triggerRequest(of, NEW_RUN, {})).toEqual({
    namespace: "ns",
    dagId: "d",
    runId: "",
    note: "",
    unpause: false,
    noLogicalDate: false,
  });
  const at = "2026-01-01T00:00:00Z";
  const form = { ...NEW_RUN, dated: "at", logicalDate: at, runAfter: at, runId: " r ", unpause: true } as const;
  expect(triggerRequest(of, form, { a: 1 })).toMatchObject({
    runId: "r",
    logicalDate: at,
    runAfter: at,
    conf: { a: 1 },
    unpause: true,
  });
  expect(triggerRequest(of, { ...form, dated: "none" }, {})).not.toHaveProperty("logicalDate");
  expect(missing({ ...NEW_RUN, dated: "at" })).toEqual({ logical_date: "must have a value" });
});
