import { act } from "react";
import { expect, test } from "vitest";
import { JsonValue } from "../../src/parts/json/JsonValue";
import { draw } from "../drawn";

const press = (place: HTMLElement, name: string) =>
  act(async () => [...place.querySelectorAll("button")].find((each) => each.textContent?.includes(name))?.click());

test("a list of objects is a table at first, and a tree if that is wanted", async () => {
  const place = await draw(<JsonValue text='[{"a": 1, "b": "<b>x</b>"}, {"a": 2, "b": null}]' label="rows" />);
  expect([...place.querySelectorAll("th")].map((each) => each.textContent)).toEqual(["#", "a", "b"]);
  await press(place, "tree");
  expect(place.querySelector("table")).toBeNull();
  expect(place.querySelectorAll(".json li")).toHaveLength(3);
  await press(place, "0: 2 keys");
  expect(place.querySelectorAll(".json li")).toHaveLength(5);
  expect(place.textContent).toContain("<b>x</b>");
  expect(place.querySelector("b")).toBeNull();
});

test("a picture is one only by its bytes", async () => {
  const png = btoa("\x89PNG\r\n\x1a\n and some more bytes");
  const place = await draw(<JsonValue text={JSON.stringify(png)} label="plot" />);
  expect(place.querySelector("img")?.getAttribute("src")).toBe(`data:image/png;base64,${png}`);
  const other = await draw(<JsonValue text='"data:image/svg+xml,<svg onload=alert(1)>"' label="plot" />);
  expect(other.querySelector("img")).toBeNull();
});

test("what is no JSON is shown as it is", async () => {
  const place = await draw(<JsonValue text="{not json" label="x" />);
  expect(place.querySelector("pre")?.textContent).toBe("{not json");
});
