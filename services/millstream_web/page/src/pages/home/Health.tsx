import { useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { useRead } from "../../api/queries";
import type { HealthState } from "../../api/types";
import { feed } from "../../live/feed";
import { useRefreshed } from "../../live/hooks";
import { Query } from "../../parts/Query";

const METHOD = "SystemService/GetHealth";
const LOOKS: Record<HealthState, { word: string; sign: string; state: string }> = {
  HEALTH_STATE_UNSPECIFIED: { word: "unknown", sign: "·", state: "none" },
  HEALTH_STATE_HEALTHY: { word: "healthy", sign: "✓", state: "success" },
  HEALTH_STATE_DEGRADED: { word: "degraded", sign: "!", state: "upstream" },
  HEALTH_STATE_UNHEALTHY: { word: "unhealthy", sign: "✕", state: "failed" },
};

/** How each server and service is. */
export function Health() {
  const queries = useQueryClient();
  const read = useRead(METHOD, {}, { staleTime: 0 });
  // Health is no event. What announces a change of it is a new scheduler, and that the feed comes or goes.
  useRefreshed([METHOD], (event) => event.type === "EpochStarted");
  useEffect(() => feed.watch(() => void queries.invalidateQueries({ queryKey: [METHOD] })), [queries]);
  return (
    <section className="sheet">
      <div className="head">
        <h2>Health</h2>
        <div className="actions">
          <button type="button" disabled={read.isFetching} onClick={() => void read.refetch()}>
            Look again
          </button>
        </div>
      </div>
      <Query of={read}>
        {(health) => (
          <>
            <ul className="rows health">
              {health.components.map((component) => {
                const look = LOOKS[component.state];
                return (
                  <li key={component.name}>
                    <span className={`badge state-${look.state}`}>
                      <span aria-hidden="true">{look.sign}</span> {component.name.replace("_", " ")}
                      <span className="unseen"> is {look.word}</span>
                    </span>
                    <span className="words">
                      {component.detail}
                      {Number(component.lag) > 0 && ` ${component.lag} behind.`}
                    </span>
                  </li>
                );
              })}
            </ul>
            <p className="faint">
              Millstream {health.version}, {health.logPosition} events
            </p>
          </>
        )}
      </Query>
    </section>
  );
}
