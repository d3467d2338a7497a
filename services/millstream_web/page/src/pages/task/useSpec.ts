/** A version of a DAG, which never changes. */
import { useQuery, type UseQueryResult } from "@tanstack/react-query";
import { useSettings } from "../../app/settings";
import { call } from "../../api/call";
import type { DagSpec } from "../../api/types";

/** The spec that a run goes by; waits for its version. */
export function useSpec(dagId: string, version: number | undefined): UseQueryResult<DagSpec | null, Error> {
  const { namespace } = useSettings();
  return useQuery<DagSpec | null, Error>({
    queryKey: ["spec", namespace, dagId, version],
    queryFn: async ({ signal }) => {
      const found = await call("DagService/GetDagVersion", { namespace, dagId, version: version ?? 0 }, signal);
      return found.dagVersion?.spec ?? null;
    },
    enabled: version !== undefined,
  });
}
