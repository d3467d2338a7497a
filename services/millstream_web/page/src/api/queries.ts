/** Reads for components: cached, and as new as the last event that the page has seen. */
import {
  keepPreviousData,
  QueryClient,
  useMutation,
  useQuery,
  useQueryClient,
  type UseMutationResult,
  type UseQueryResult,
} from "@tanstack/react-query";
import { feed } from "../live/feed";
import { type Answer, ApiError, call, type MethodName, newRequestId, type Request } from "./call";

export const client = new QueryClient({
  defaultOptions: {
    queries: {
      // What changes is announced by events; nothing is asked for again by the clock.
      staleTime: Number.POSITIVE_INFINITY,
      refetchOnWindowFocus: false,
      // What a browser calls offline may well reach a Millstream on the same machine.
      networkMode: "always",
      retry: (count, error) => count < 4 && error instanceof ApiError && error.isPassing,
    },
    // What was sent, a password perhaps, is not kept once it is done.
    mutations: { networkMode: "always", gcTime: 0 },
  },
});

interface Options {
  enabled?: boolean;
  /** Show the last answer while another one is asked for. */
  keep?: boolean;
  staleTime?: number;
  /** For how long the answer is kept when nobody shows it any more; 0: not at all. */
  gcTime?: number;
}

/**
 * The answer of a read. Its key is `[method, request]`. `min_position` is that of the last event
 * seen, for methods that have one.
 */
export function useRead<M extends MethodName>(
  method: M,
  request: Request<M>,
  { enabled = true, keep = false, staleTime, gcTime }: Options = {},
): UseQueryResult<Answer<M>, ApiError> {
  return useQuery<Answer<M>, ApiError>({
    queryKey: [method, request],
    queryFn: ({ signal }) => read(method, request, signal),
    enabled,
    ...(keep ? { placeholderData: keepPreviousData } : {}),
    ...(staleTime === undefined ? {} : { staleTime }),
    ...(gcTime === undefined ? {} : { gcTime }),
  });
}

/** One read that is as new as the last event that was seen. */
export function read<M extends MethodName>(
  method: M,
  request: Request<M>,
  signal?: AbortSignal,
): Promise<Answer<M>> {
  return call(method, { minPosition: feed.position, ...request } as Request<M>, signal);
}

/** A change; `request_id` is made once for each `mutate`, so a repeated one happens once. */
export function useChange<M extends MethodName>(
  method: M,
  refreshed: readonly MethodName[] = [],
): UseMutationResult<Answer<M>, ApiError, Request<M>> {
  const queries = useQueryClient();
  return useMutation<Answer<M>, ApiError, Request<M>>({
    mutationFn: (request) => call(method, { requestId: newRequestId(), ...request } as Request<M>),
    onSuccess: () => {
      for (const name of refreshed) void queries.invalidateQueries({ queryKey: [name] });
    },
  });
}
