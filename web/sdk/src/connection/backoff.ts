/** Compute the wait before another try: exponential, jittered, and never shorter than the server asks. Pure. */

/** The bounds of a wait, in milliseconds: `baseMs` doubles with each attempt, up to `maxMs`. */
export interface BackoffPolicy {
  baseMs: number;
  maxMs: number;
}

/** The waits between two attempts to connect, join a room, change a message or send a read mark. */
export const RECONNECT: BackoffPolicy = { baseMs: 1_000, maxMs: 5_000 };
/** The waits after a gateway's `drain` event. Short waits do no harm: the gateway spreads the disconnects over time. */
export const MOVED: BackoffPolicy = { baseMs: 200, maxMs: 5_000 };
/** The waits between two tries to send a message, upload a file, load the inbox or watch users. */
export const RESEND: BackoffPolicy = { baseMs: 700, maxMs: 5_000 };

const MAX_RETRY_AFTER_MS = 120_000;

/**
 * Return the wait before attempt number `attempt` (0 is the first), in milliseconds.
 *
 * Half of the wait is fixed and half is random, so that clients which lost their gateway together do not reconnect
 * together. If the fixed half is shorter than `retryAfterMs`, `retryAfterMs` replaces it.
 *
 * @param random a number from 0 to 1
 */
export function backoffMs(attempt: number, random: number, policy: BackoffPolicy, retryAfterMs = 0): number {
  const ceiling = Math.min(policy.maxMs, policy.baseMs * 2 ** Math.min(attempt, 16));
  return Math.max(ceiling / 2, retryAfterMs) + (random * ceiling) / 2;
}

/** Read a Retry-After header (RFC 9110, 10.2.3) as milliseconds from `nowMs`; 0 when it is absent or unreadable. */
export function parseRetryAfter(header: string | null, nowMs: number): number {
  if (!header) return 0;
  const seconds = Number(header);
  const ms = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(header) - nowMs;
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), MAX_RETRY_AFTER_MS) : 0;
}
