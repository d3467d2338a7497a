/** Calls of the API, and what goes wrong with them. */
import type { Methods } from "./types";

type Part<T> = T extends (infer U)[]
  ? Part<U>[]
  : T extends object
    ? { [K in keyof T]?: Part<T[K]> }
    : T extends string
      ? T | number
      : T;

export type MethodName = keyof Methods;
/** What a method takes; a field that is left out has its default, and a long may be a number. */
export type Request<M extends MethodName> = Part<Methods[M][0]>;
export type Answer<M extends MethodName> = Methods[M][1];

export interface FieldViolation {
  field: string;
  description: string;
}

/** What the API, or the network, says instead of an answer. */
export class ApiError extends Error {
  readonly code: string;
  readonly reason: string;
  readonly violations: FieldViolation[];

  constructor(found: {
    code: string;
    reason?: string;
    message: string;
    fieldViolations?: FieldViolation[];
  }) {
    super(found.message);
    this.name = "ApiError";
    this.code = found.code;
    this.reason = found.reason ?? "";
    this.violations = found.fieldViolations ?? [];
  }

  /** Whether it is worth to ask once more. */
  get isPassing(): boolean {
    return this.code === "UNAVAILABLE" || this.code === "RESOURCE_EXHAUSTED";
  }
}

/** Headers that a page of another site cannot set. */
export function ownHeaders(): Record<string, string> {
  const token = /(?:^|; )millstream_csrf=([^;]*)/.exec(document.cookie)?.[1] ?? "page";
  return { "Content-Type": "application/json", "X-Millstream-CSRF": token };
}

const strangers = new Set<() => void>();

/** Hear when the API does not know any more who asks. Returns how to stop. */
export function onUnauthenticated(listener: () => void): () => void {
  strangers.add(listener);
  return () => strangers.delete(listener);
}

/** Ask for something, or change something. Throws ApiError. */
export async function call<M extends MethodName>(
  method: M,
  request: Request<M>,
  signal?: AbortSignal,
): Promise<Answer<M>> {
  const response = await send(`/api/v1/${method}`, request, { signal });
  return (await response.json()) as Answer<M>;
}

/** The answers of a method that streams, in lists as they come. Throws ApiError. */
export async function* stream<M extends MethodName>(
  method: M,
  request: Request<M>,
  signal?: AbortSignal,
): AsyncGenerator<Answer<M>[]> {
  const response = await send(`/api/v1/${method}`, request, { signal });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop()!;
    const answers = lines.map((line) => JSON.parse(line));
    const failed = answers.find((each) => each.error);
    const good = answers.filter((each) => !each.error);
    if (good.length) yield good as Answer<M>[];
    if (failed) throw new ApiError(failed.error);
  }
}

interface Options {
  signal?: AbortSignal | undefined;
  method?: "GET" | "POST" | "DELETE";
  accept?: string;
}

/** The answer of the web service, if it is a good one. Throws ApiError. */
export async function send(
  path: string,
  body?: unknown,
  { signal, method = "POST", accept }: Options = {},
): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      headers: { ...ownHeaders(), ...(accept ? { Accept: accept } : {}) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: signal ?? null,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError({ code: "UNAVAILABLE", message: "Millstream does not answer." });
  }
  if (response.ok) return response;
  const failure = await failureOf(response);
  if (failure.code === "UNAUTHENTICATED") for (const listener of strangers) listener();
  throw failure;
}

async function failureOf(response: Response): Promise<ApiError> {
  try {
    return new ApiError((await response.json()).error);
  } catch {
    const code = response.status >= 500 ? "UNAVAILABLE" : "UNKNOWN";
    return new ApiError({ code, message: `Millstream answered ${response.status}.` });
  }
}

/** A new request id: a change that is sent twice happens once. */
export function newRequestId(): string {
  return crypto.randomUUID();
}
