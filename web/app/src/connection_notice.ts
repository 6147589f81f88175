/** Choose the notice about the connection that the page shows. Pure. */

import type { ConnectionState } from "@roomcast/sdk";

/**
 * - `none`: online, or moved by a gateway's drain for less than MOVE_MS.
 * - `moving`: the move takes longer.
 * - `lost`: the connection broke.
 * - `signed-out`: the user must sign in again.
 */
export type Notice = "none" | "moving" | "lost" | "signed-out";

/** Milliseconds for which a draining gateway may move this client before the page shows `moving`. */
export const MOVE_MS = 5000;

/** The state of the sign-in, apart from the connection. */
export interface SignInState {
  /** The page can get a new token by itself. */
  renewable: boolean;
  /** When the token expires, in milliseconds of the server's clock; null without an expiry. */
  expiresAtMs: number | null;
}

const FINAL = new Set(["unauthorized", "revoked"]);

/**
 * Choose the notice for a connection state.
 *
 * @param offlineMs for how long the client has been offline
 * @param serverNowMs the time by the server's clock, or by the device's clock until the first `ready`
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
