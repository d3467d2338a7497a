/** Lists that come page by page, as far as somebody scrolls. */
import {
  type InfiniteData,
  keepPreviousData,
  type UseInfiniteQueryResult,
  useInfiniteQuery,
} from "@tanstack/react-query";
import type { Answer, ApiError, MethodName, Request } from "./call";
import { read } from "./queries";
import type { Methods } from "./types";

/** The methods that give a list in pages. */
export type PagedMethod = {
  [M in MethodName]: Methods[M][1] extends { nextPageToken: string } ? M : never;
}[MethodName];

export type Pages<M extends PagedMethod> = UseInfiniteQueryResult<InfiniteData<Answer<M>>, ApiError>;

/** The key under which the pages of a list are kept. */
export const pagesKey = <M extends PagedMethod>(method: M, request: Request<M>) =>
  [method, "pages", request] as const;

/** A list, its first page at once and the others by `fetchNextPage`. */
export function usePages<M extends PagedMethod>(
  method: M,
  request: Request<M>,
  { staleTime }: { staleTime?: number } = {},
): Pages<M> {
  return useInfiniteQuery<
    Answer<M>,
    ApiError,
    InfiniteData<Answer<M>>,
    readonly unknown[],
    string
  >({
    queryKey: pagesKey(method, request),
    queryFn: ({ pageParam, signal }) =>
      read(method, { ...request, pageToken: pageParam } as Request<M>, signal),
    initialPageParam: "",
    getNextPageParam: (answer) => (answer as { nextPageToken: string }).nextPageToken || undefined,
    placeholderData: keepPreviousData,
    ...(staleTime === undefined ? {} : { staleTime }),
  });
}

/** For a table's `onEnd`: the next page, unless it is on its way or there is none. */
export function more(pages: {
  hasNextPage: boolean;
  isFetching: boolean;
  fetchNextPage: () => Promise<unknown>;
}): void {
  if (pages.hasNextPage && !pages.isFetching) void pages.fetchNextPage();
}
