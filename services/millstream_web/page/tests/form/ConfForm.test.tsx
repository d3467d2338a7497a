import { act, useState } from "react";
import { createRoot } from "react-dom/client";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type Conf, EMPTY } from "../../src/parts/form/conf";
import { ConfForm } from "../../src/parts/form/ConfForm";
import { fieldsOf } from "../../src/parts/form/schema";

const FIELDS = fieldsOf(
  { rows: 10, mode: "append", on: false, tags: ["a"], extra: { a: 1 }, picks: [], note: "" },
  {
    rows: { type: "integer", title: "How many <b>rows</b>", maximum: 100 },
    mode: { enum: ["append", "replace"] },
    on: { type: "boolean" },
    picks: { type: "array", items: { enum: ["x", "y"] } },
    note: { type: "string", format: "multiline", section: "Words" },
  },
);
let root: ReturnType<typeof createRoot>;
let box: HTMLElement;
let now: Conf = EMPTY;

function Form() {
  const [conf, setConf] = useState(EMPTY);
  now = conf;
  return <ConfForm fields={FIELDS} conf={conf} onChange={setConf} refused={{ mode: "is refused" }} />;
}

/** The control with a label, found as somebody who hears the page finds it. */
function control<T extends HTMLElement>(label: string): T {
  const found = [...box.querySelectorAll("label")].find((each) => each.textContent?.startsWith(label));
  return document.getElementById(found?.htmlFor ?? "") as T;
}

function change(element: HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement, value: string): void {
  const setter = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(element), "value")?.set;
  act(() => {
    setter?.call(element, value);
    element.dispatchEvent(new Event(element.tagName === "SELECT" ? "change" : "input", { bubbles: true }));
  });
}

const press = (name: string) =>
  act(() => [...box.querySelectorAll("button")].find((each) => each.textContent?.includes(name))?.click());

beforeEach(() => {
  (globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = true;
  box = document.body.appendChild(document.createElement("div"));
  root = createRoot(box);
  act(() => root.render(<Form />));
});

afterEach(() => {
  act(() => root.unmount());
  box.remove();
});

it("has a labelled control of each kind, with the default in it", () => {
  expect(control<HTMLInputElement>("How many <b>rows</b>").value).toBe("10");
  expect(control<HTMLSelectElement>("mode").selectedOptions[0]?.textContent).toBe("append");
  expect(control<HTMLInputElement>("on").type).toBe("checkbox");
  expect(control<HTMLTextAreaElement>("tags").value).toBe("a");
  expect(JSON.parse(control<HTMLTextAreaElement>("extra").value)).toEqual({ a: 1 });
  expect(control("picks").querySelectorAll("input")).toHaveLength(2);
  expect(box.querySelector("fieldset legend")?.textContent).toBe("Words");
});

it("says what is typed, chosen and checked", () => {
  change(control<HTMLInputElement>("How many"), "20");
  change(control<HTMLSelectElement>("mode"), "1");
  act(() => control("on").click());
  act(() => control("picks").querySelectorAll("input")[1]?.click());
  change(control<HTMLTextAreaElement>("tags"), "a\nb");
  expect(now.values).toEqual({ rows: 20, mode: "replace", on: true, picks: ["y"], tags: ["a", "b"] });
});

it("names what is wrong at its field, and tells those who hear the page", () => {
  change(control<HTMLInputElement>("How many"), "200");
  const input = control("How many");
  expect(input.getAttribute("aria-invalid")).toBe("true");
  const ids = input.getAttribute("aria-describedby")?.split(" ") ?? [];
  expect(ids.map((id) => document.getElementById(id)?.textContent).join()).toContain("must be at most 100");
  expect(control("mode").parentElement?.textContent).toContain("is refused");
});

it("shows the same as JSON, and takes JSON back", () => {
  change(control<HTMLInputElement>("How many"), "20");
  press("JSON");
  const raw = box.querySelector("textarea");
  expect(JSON.parse(raw?.value ?? "")).toEqual({ rows: 20 });
  if (raw) change(raw, '{"rows": 30}');
  press("Form");
  expect(control<HTMLInputElement>("How many").value).toBe("30");
  press("Back to the default of How many");
  expect(control<HTMLInputElement>("How many").value).toBe("10");
});
