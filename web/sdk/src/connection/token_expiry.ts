/** Compute when to renew a token that the server has accepted, from its `exp` and `iat`. Pure. */

import { claimsOf } from "./token_claims.ts";

/** How long before its expiry a token is renewed. In its last minute, half of the remaining time is waited instead. */
const MARGIN_MS = 30_000;
/** The shortest wait, so that a token that is about to expire is not renewed in a loop. */
const SHORTEST_WAIT_MS = 5_000;
/** The longest delay of `setTimeout`. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * Return the milliseconds until a JWT (RFC 7519) should be renewed. The server must have accepted the token.
 *
 * @param serverMs the client's estimate of the server's time, in milliseconds. The device's own clock may be wrong: if
 * it were ahead, the client would renew valid tokens again and again.
 * @returns null if the token is not to be renewed: it has no `exp`; or its renewal is further away than the longest
 * timer; or it seems expired, and its lifetime is unknown because it has no `iat` before `exp`
 */
export function refreshInMs(token: string, serverMs: number): number | null {
  const claims = claimsOf(token);
  const [exp, iat] = [numeric(claims.exp), numeric(claims.iat)];
  if (exp === null) return null;
  const leftMs = exp * 1000 - serverMs;
  // A token that the server has accepted has not expired, so the estimate is wrong. Use the token's lifetime instead.
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
