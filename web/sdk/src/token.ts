/** When to renew a token. The signature is the server's business; only `exp` is read. Pure. */

const MARGIN_MS = 30_000;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Milliseconds until a JWT (RFC 7519) should be renewed; null when it does not say, or in weeks only. */
export function refreshInMs(token: string, nowMs: number): number | null {
  const exp = expiryOf(token);
  if (exp === null) return null;
  const leftMs = exp * 1000 - nowMs;
  const waitMs = Math.max(leftMs - MARGIN_MS, leftMs / 2, 5000);
  return waitMs > LONGEST_TIMER_MS ? null : waitMs;
}

function expiryOf(token: string): number | null {
  try {
    const payload = token.split(".")[1] ?? "";
    const claims = JSON.parse(atob(payload.replace(/-/g, "+").replace(/_/g, "/"))) as { exp?: unknown };
    return typeof claims.exp === "number" ? claims.exp : null;
  } catch {
    return null;
  }
}
