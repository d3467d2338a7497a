import { act, Component, type ReactNode } from "react";
import { createRoot, type Root } from "react-dom/client";
import { afterEach, beforeEach, expect, it } from "vitest";
import { late } from "../../src/app/late";

let root: Root;
let box: HTMLElement;

beforeEach(() => {
  (globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = true;
  box = document.createElement("div");
  // What is thrown is looked at here, and needs not be printed.
  root = createRoot(box, { onCaughtError: () => undefined });
});

afterEach(() => act(() => root.unmount()));

const Named = ({ name }: { name: string }) => <b>{name}</b>;

class Told extends Component<{ children: ReactNode }, { text?: string }> {
  override state: { text?: string } = {};
  static getDerivedStateFromError = (error: Error) => ({ text: error.message });
  override render(): ReactNode {
    return this.state.text ?? this.props.children;
  }
}

it("shows that it comes, and then itself", async () => {
  const View = late(async () => ({ default: Named }));
  act(() => root.render(<View name="one" />));
  expect(box.textContent).toBe("Loading…");
  await act(async () => undefined);
  expect(box.innerHTML).toBe("<b>one</b>");
});

it("is there at once if it was begun before, and is fetched once", async () => {
  let count = 0;
  const View = late(async () => {
    count += 1;
    return { default: Named };
  });
  View.begin();
  await Promise.resolve().then(() => undefined);
  await act(async () => root.render(<View name="two" />));
  expect(box.innerHTML).toBe("<b>two</b>");
  expect(count).toBe(1);
});

it("tells what stands around it that it did not come", async () => {
  const View = late<{ name: string }>(() => Promise.reject(new Error("no such module")));
  await act(async () =>
    root.render(
      <Told>
        <View name="three" />
      </Told>,
    ),
  );
  expect(box.textContent).toBe("no such module");
});
