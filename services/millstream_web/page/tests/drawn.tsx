/** Components, drawn into a document of their own. */
import { act, type ReactNode } from "react";
import { createRoot } from "react-dom/client";

(globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = true;

/** Draw something; returns the element that holds it. */
export async function draw(node: ReactNode): Promise<HTMLElement> {
  const place = document.createElement("div");
  document.body.replaceChildren(place);
  await act(async () => createRoot(place).render(node));
  return place;
}

/** What a component that calls a hook shows. */
export function shown(hook: () => string): string {
  function Probe() {
    return <>{hook()}</>;
  }
  const place = document.createElement("div");
  act(() => createRoot(place).render(<Probe />));
  return place.textContent;
}
