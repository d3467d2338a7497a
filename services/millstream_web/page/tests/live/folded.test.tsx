import { QueryClient, QueryClientProvider, useQuery } from "@tanstack/react-query";
import { createRoot } from "react-dom/client";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { feed } from "../../src/live/feed";
import type { LiveEvent } from "../../src/live/fold";
import { useFolded } from "../../src/live/folded";
import { event } from "../event";

let tell: (events: LiveEvent[]) => void = () => undefined;
let answer: (types: string[]) => void = () => undefined;
const box = document.createElement("div");
let root: ReturnType<typeof createRoot>;

/** Shows the types of all events that it knows. */
function Shown() {
  const read = useQuery({
    queryKey: ["types"],
    queryFn: () => new Promise<string[]>((resolve) => (answer = resolve)),
    staleTime: Number.POSITIVE_INFINITY,
  });
  useFolded<string[]>(["types"], read, (types, events) => {
    const fresh = events.map((each) => each.type).filter((type) => !types.includes(type));
    return fresh.length ? [...types, ...fresh] : types;
  });
  return <>{read.data?.join(" ")}</>;
}

beforeEach(async () => {
  vi.spyOn(feed, "listen").mockImplementation((listener) => {
    tell = listener;
    return () => undefined;
  });
  root = createRoot(box);
  root.render(
    <QueryClientProvider client={new QueryClient()}>
      <Shown />
    </QueryClientProvider>,
  );
  await vi.waitFor(() => expect(feed.listen).toHaveBeenCalled());
});

afterEach(() => {
  root.unmount();
  vi.restoreAllMocks();
});

it("folds an event into what is shown", async () => {
  answer(["A"]);
  await vi.waitFor(() => expect(box.textContent).toBe("A"));
  tell([event("B")]);
  await vi.waitFor(() => expect(box.textContent).toBe("A B"));
});

it("loses no event that came while the read was on its way", async () => {
  tell([event("B")]);
  answer(["A"]);
  await vi.waitFor(() => expect(box.textContent).toBe("A B"));
});
