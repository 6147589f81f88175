/** How long to wait before trying again: exponential, jittered, never sooner than the server asks. Pure. */

export interface BackoffPolicy {
  baseMs: number;
  maxMs: number;
}

export const RECONNECT: BackoffPolicy = { baseMs: 1_000, maxMs: 5_000 };
export const RESEND: BackoffPolicy = { baseMs: 700, maxMs: 5_000 };

/**
 * The wait before attempt number `attempt` (0 is the first), in milliseconds.
 *
 * Half of it is fixed and half random, so that clients cut off together do not come back together. A
 * `retryAfterMs` is a floor; the same jitter is added on top, for the same reason.
 */
export function backoffMs(attempt: number, random: number, policy: BackoffPolicy, retryAfterMs = 0): number {
  const ceiling = Math.min(policy.maxMs, policy.baseMs * 2 ** Math.min(attempt, 16));
  return Math.max(ceiling / 2, retryAfterMs) + (random * ceiling) / 2;
}

/** A Retry-After header (RFC 9110, 10.2.3) in milliseconds from `nowMs`; 0 when absent or unreadable. */
export function parseRetryAfter(header: string | null, nowMs: number): number {
  if (!header) return 0;
  const seconds = Number(header);
  const ms = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(header) - nowMs;
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), 120_000) : 0;
}
