/** What the page says about its connection. Pure. */

import type { ConnectionState } from "@roomcast/sdk";

/**
 * `none`: all is well, or the server moves this client as planned and it will be back in a moment. `moving`: such a
 * move takes longer. `lost`: the connection broke. `signed-out`: only a new sign-in helps.
 */
export type Notice = "none" | "moving" | "lost" | "signed-out";

/** How long a planned move may take before the page mentions it. */
export const MOVE_MS = 5000;

/** What is known about the sign-in besides the connection. */
export interface SignInState {
  /** The page can get a new token by itself. */
  renewable: boolean;
  /** When the token expires, in milliseconds of the server's clock; null when it does not say. */
  expiresAtMs: number | null;
}

const FINAL = new Set(["unauthorized", "revoked"]);

/**
 * Choose the notice for a connection state.
 *
 * @param offlineMs for how long the client has been offline
 * @param serverNowMs the time by the server's clock, as far as known
 */
export function noticeOf(state: ConnectionState, signIn: SignInState, offlineMs: number, serverNowMs: number): Notice {
  if (state.phase === "online" || state.phase === "closed") return "none";
  if (state.phase === "refused") return "signed-out";
  const isFinal = FINAL.has(state.error?.reason ?? "") || isExpired(signIn, serverNowMs);
  if (isFinal && !signIn.renewable) return "signed-out";
  if (state.draining) return offlineMs < MOVE_MS ? "none" : "moving";
  return "lost";
}

function isExpired({ expiresAtMs }: SignInState, serverNowMs: number): boolean {
  return expiresAtMs !== null && serverNowMs >= expiresAtMs;
}
