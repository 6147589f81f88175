/**
 * The client of the Roomcast HTTP API, for back ends. Never ship an API key to a browser.
 *
 * The types of paths, parameters, bodies and answers come from the OpenAPI document (`schema.ts`, generated).
 * @module
 */
import createFetch, { type Client, type Middleware } from "openapi-fetch";
import type { paths, Problem } from "./schema.ts";

export type * from "./schema.ts";

/** The client: `GET`, `POST`, `PUT`, `PATCH` and `DELETE`, each with a path of the API. */
export type Api = Client<paths>;

/** The address of the API, and the key with which to call it. */
export interface ApiOptions {
  /** For example `https://chat.example.com/api`, or `http://localhost:8423`. */
  url: string;
  /** An API key; `roomcast api-keys create` makes one. */
  key: string;
  /** Another `fetch`, for proxies and tests. */
  fetch?: typeof globalThis.fetch;
}

/** An error answer of the API. `code` and `reason` have the values of the Socket.IO protocol. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly code: number;
  readonly reason: string;
  /** Whether the same request can succeed later. Repeat a publish with the same id. */
  readonly retryable: boolean;
  /** Seconds to wait before the next try, if the API names them. */
  readonly retryAfter: number | undefined;
  readonly requestId: string | undefined;
  readonly status: number;

  constructor(status: number, problem: Partial<Problem>) {
    super(problem.detail ?? problem.title ?? `the API answers ${status}`);
    this.status = status;
    this.code = problem.code ?? 301;
    this.reason = problem.reason ?? "outcome_unknown";
    this.retryable = problem.retryable ?? status >= 500;
    this.retryAfter = problem.retry_after ?? undefined;
    this.requestId = problem.request_id ?? undefined;
  }
}

/** Return a client. It throws an `ApiError` for every error answer, so `data` always comes from a success. */
export function createApi({ url, key, fetch }: ApiOptions): Api {
  const headers = { Authorization: `Bearer ${key}` };
  const api = createFetch<paths>({ baseUrl: url.replace(/\/$/, ""), headers, ...(fetch ? { fetch } : {}) });
  api.use(checked, thrown);
  return api;
}

/**
 * Refuse ids that cannot be one part of a URL. `fetch` and proxies resolve `.`, `..` and an encoded slash, so the request
 * would reach another route: an event for the user `..` would go to all clients.
 */
const checked: Middleware = {
  onRequest({ params }) {
    for (const id of Object.values(params.path ?? {}).map(String)) {
      if (id !== "." && id !== ".." && !id.includes("/")) continue;
      const detail = "an id that is '.' or '..', or contains '/', cannot be part of a URL";
      throw new ApiError(400, { code: 100, reason: "bad_request", retryable: false, detail });
    }
  },
};

const thrown: Middleware = {
  async onResponse({ response }) {
    if (response.ok) return;
    const problem: unknown = await response.json().catch(() => ({}));
    throw new ApiError(response.status, problem as Partial<Problem>);
  },
};
