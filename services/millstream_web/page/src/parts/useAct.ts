/** A change that says what came of it. */
import { type UseMutationResult, useMutation, useQueryClient } from "@tanstack/react-query";
import { type Answer, type ApiError, call, type MethodName, newRequestId, type Request } from "../api/call";
import { done, refused } from "./toasts";

interface Words<M extends MethodName> {
  /** What to ask again afterwards. */
  refreshed?: readonly MethodName[];
  /** What was done. */
  words: (request: Request<M>, answer: Answer<M>) => string;
  /** Where to look at it. */
  to?: (request: Request<M>, answer: Answer<M>) => string;
  /** A refusal is shown by the form itself. */
  isQuiet?: boolean;
}

/**
 * As `useChange`, with a toast for what was done or refused: also when the component that asked is
 * gone by then.
 */
export function useAct<M extends MethodName>(
  method: M,
  { refreshed = [], words, to, isQuiet = false }: Words<M>,
): UseMutationResult<Answer<M>, ApiError, Request<M>> {
  const queries = useQueryClient();
  return useMutation<Answer<M>, ApiError, Request<M>>({
    mutationFn: (request) => call(method, { requestId: newRequestId(), ...request } as Request<M>),
    onSuccess: (answer, request) => {
      done(words(request, answer), to?.(request, answer));
      for (const name of refreshed) void queries.invalidateQueries({ queryKey: [name] });
    },
    onError: (error) => {
      if (!isQuiet) refused(error.message);
    },
  });
}
