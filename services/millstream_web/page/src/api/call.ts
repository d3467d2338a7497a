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

/** Ask for something, or change something. Throws ApiError. */
export async function call<M extends MethodName>(
  method: M,
  request: Request<M>,
  signal?: AbortSignal,
): Promise<Answer<M>> {
  const response = await send(`/api/v1/${method}`, request, signal);
  return (await response.json()) as Answer<M>;
}

/** The answers of a method that streams, in lists as they come. Throws ApiError. */
export async function* stream<M extends MethodName>(
  method: M,
  request: Request<M>,
  signal?: AbortSignal,
): AsyncGenerator<Answer<M>[]> {
  const response = await send(`/api/v1/${method}`, request, signal);
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

async function send(path: string, body: unknown, signal?: AbortSignal): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, {
      method: "POST",
      headers: ownHeaders(),
      body: JSON.stringify(body),
      signal: signal ?? null,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError({ code: "UNAVAILABLE", message: "Millstream does not answer." });
  }
  if (!response.ok) throw await failureOf(response);
  return response;
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
