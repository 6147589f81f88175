/** Read a gateway's answers from socket.io-client: acks, refused connects and Retry-After headers. Pure. */

import { parseRetryAfter } from "./backoff.ts";
import { isWireError, RoomcastError } from "../errors.ts";

/** Return the answer of an ack `{ok: true, …}`; throw the error of a negative ack `{ok: false, error}`. */
export function accepted(ack: unknown): unknown {
  const answer = ack as { ok?: boolean; error?: unknown } | null;
  if (answer?.ok === true) return answer;
  throw isWireError(answer?.error) ? new RoomcastError(answer.error) : RoomcastError.of("internal", "malformed ack");
}

/** Return the error of a refused connect. A refusal without a code is about the token or the namespace. */
export function refusalOf(error: Error & { data?: unknown }): RoomcastError {
  if (error.message === "Invalid namespace")
    return RoomcastError.of("bad_request", "`url` has a path; set the option `path` to the path of the socket");
  return isWireError(error.data) ? new RoomcastError(error.data) : RoomcastError.of("unauthorized", error.message);
}

/**
 * Return the Retry-After of a refused polling request, in milliseconds. Browsers hide the header of a WebSocket.
 *
 * Outside browsers, socket.io-client's request object throws here if there was no response.
 */
export function retryAfterOf(error: Error & { context?: unknown }, nowMs: number): number {
  const request = error.context as { getResponseHeader?: (name: string) => string | null } | undefined;
  try {
    return parseRetryAfter(request?.getResponseHeader?.("Retry-After") ?? null, nowMs);
  } catch {
    return 0;
  }
}
