import { describe, expect, it } from "vitest";
import { filterOf, fits, requestOf } from "../../src/pages/audit/filter";
import { event } from "../event";

const filter = (search: string, namespace = "") => filterOf(new URLSearchParams(search), namespace);

describe("the filter of the audit log", () => {
  it("asks for what the address says, the newest first, and takes no nonsense for an instant", () => {
    const found = filter("type=TaskFailed&type=RunFailed&actor=ada&dag=d&since=2026-01-01T00:00:00Z&until=soon", "ns");
    expect(requestOf(found)).toMatchObject({
      namespace: "ns",
      types: ["TaskFailed", "RunFailed"],
      actor: "ada",
      dagId: "d",
      since: "2026-01-01T00:00:00Z",
      orderBy: "position desc",
    });
    expect(requestOf(found)).not.toHaveProperty("until");
  });

  it("lets in what comes only if it fits all of it", () => {
    const come = event("TaskFailed", { taskId: "t", runId: "r", actor: "worker/host-1" });
    expect(fits(come, filter(""))).toBe(true);
    expect(fits(come, filter("type=TaskFailed&type=RunFailed&dag=d&run=r&task=t"))).toBe(true);
    for (const other of ["type=RunFailed", "dag=e", "run=s", "task=u"]) expect(fits(come, filter(other))).toBe(false);
    expect(fits(come, filter("", "other"))).toBe(false);
  });

  it("bounds the time: the first instant in, the last one out", () => {
    const come = event("DagPaused", { recordedAt: "2026-01-01T00:00:00Z" });
    expect(fits(come, filter("since=2026-01-01T00:00:00Z"))).toBe(true);
    expect(fits(come, filter("until=2026-01-01T00:00:00Z"))).toBe(false);
  });

  it.each([
    ["worker/host-1", "worker", true],
    ["worker/host-1", "worker/host", false],
    ["worker/host-1", "worker/host-1", true],
    ["api/1f2e/ada", "ada", true],
    ["api/1f2e/a/b", "a/b", true],
    ["api/1f2e/ada", "api/1f2e", true],
    ["worker/1f2e/ada", "ada", false],
    ["api/1f2e/adam", "ada", false],
  ])("knows whether %s is %s: %s", (actor, wanted, is) =>
    expect(fits(event("DagPaused", { actor }), filter(`actor=${encodeURIComponent(wanted)}`))).toBe(is),
  );
});
