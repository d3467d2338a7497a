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
        const predicate = ({ state }: { state: { status: string; fetchFailureCount: number } }) =>
          state.status === "error" || state.fetchFailureCount > 0;
        void queries.invalidateQueries({ predicate });
      }),
    [queries],
  );
}
