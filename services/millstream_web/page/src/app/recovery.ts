/** After an outage: what could not be read is asked for again as soon as the log is heard again. */
import { useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { feed } from "../live/feed";

export function useRecovery(): void {
  const queries = useQueryClient();
  useEffect(
    () =>
      feed.watch(() => {
        if (feed.state !== "live") return;
        void queries.invalidateQueries({ predicate: ({ state }) => state.status === "error" });
      }),
    [queries],
  );
}
