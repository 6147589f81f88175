/** Compute when to renew a token, from its `exp` and `iat`. Pure. */

import { claimsOf } from "./token_claims.ts";

const MARGIN_MS = 30_000;
const SHORTEST_WAIT_MS = 5_000;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * Return the milliseconds until a JWT (RFC 7519) should be renewed.
 *
 * @param serverMs the server's time in milliseconds, because the device's clock may be wrong: if it is ahead, the
 * client would renew valid tokens again and again
 * @returns null when the token has no expiry, or one further away than the longest timer
 */
export function refreshInMs(token: string, serverMs: number): number | null {
  const claims = claimsOf(token);
  const [exp, iat] = [numeric(claims.exp), numeric(claims.iat)];
  if (exp === null) return null;
  const leftMs = exp * 1000 - serverMs;
  // The server has accepted the token, so it has not expired: `serverMs` is wrong. Use the token's lifetime instead.
  if (leftMs <= 0) return iat !== null && exp > iat ? waitMs((exp - iat) * 1000) : null;
  return waitMs(leftMs);
}

function waitMs(leftMs: number): number | null {
  const wait = Math.max(leftMs - MARGIN_MS, leftMs / 2, SHORTEST_WAIT_MS);
  return wait > LONGEST_TIMER_MS ? null : wait;
}

function numeric(claim: unknown): number | null {
  return typeof claim === "number" && Number.isFinite(claim) ? claim : null;
}
