import { describe, expect, it } from "vitest";
import { shown } from "../../src/app/counts";
import { placeOf, scopesOf } from "../../src/pages/access/grants";
import { askedOf, mayAnswer, turned } from "../../src/pages/approvals/answer";
import { fieldsOf, formOf, problems } from "../../src/pages/connections/fields";

describe("a connection", () => {
  const form = { ...formOf(undefined), connId: "c", connType: "http" };

  it("sends what is filled in and no more", () => {
    expect(fieldsOf({ ...form, port: " 80 ", host: "h" })).toEqual({ connType: "http", port: 80, host: "h" });
  });

  it("never begins with the password that is there", () => {
    const fields = { connType: "http", host: "h", port: 0, extra: '{"token": "***"}' };
    const known = formOf({ namespace: "n", connId: "c", description: "", version: "1", hasPassword: true, fields });
    expect([known.password, known.port]).toEqual(["", "0"]);
  });

  it("does not send a mask in place of a secret", () => {
    expect(problems({ ...form, extra: '{"a": {"token": "***"}}' }).extra).toContain("***");
    expect(problems({ ...form, extra: '{"a": "x*"}' })).toEqual({});
  });

  it("refuses what is no port and what is no object", () => {
    expect(Object.keys(problems({ ...form, port: "65536", extra: "[1]" }))).toEqual(["port", "extra"]);
    expect(problems({ ...form, extra: "{" }).extra).toContain("no JSON");
  });
});

describe("an approval", () => {
  const request = { options: ["a", "b", "c"], multiple: true };

  it("turns one option of several, in their order, or takes one alone", () => {
    expect(turned(["c"], "a", request)).toEqual(["a", "c"]);
    expect(turned(["a", "c"], "a", request)).toEqual(["c"]);
    expect(turned(["a"], "b", { ...request, multiple: false })).toEqual(["b"]);
  });

  it("knows who is asked", () => {
    const assignedUsers = [{ id: "1", name: "Ada" }];
    expect([mayAnswer({ assignedUsers }, "Ada"), mayAnswer({ assignedUsers }, "bob")]).toEqual([true, false]);
    expect([mayAnswer({ assignedUsers: [] }, undefined), askedOf({ assignedUsers: [] })]).toEqual([true, "anybody"]);
  });
});

it("reads scopes, and names what is none", () => {
  expect(scopesOf("viewer\noperator:ns, author:ns/my dag\nking:ns")).toEqual({
    scopes: ["viewer", "operator:ns", "author:ns/my dag", "king:ns"],
    wrong: ["author:ns/my dag", "king:ns"],
  });
});

it("says where a role is good", () => {
  expect([
    placeOf({ namespace: "*", dagId: "" }),
    placeOf({ namespace: "n", dagId: "" }),
    placeOf({ namespace: "n", dagId: "d" }),
  ]).toEqual(["everything", "namespace n", "DAG d of n"]);
});

it("counts no further than people do", () => {
  expect([shown(undefined), shown(0), shown(7), shown(100)]).toEqual(["", "", "7", "99+"]);
});
