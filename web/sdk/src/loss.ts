/** Read from the end of a connection whether the server ended it because of what this client had sent. Pure. */

import type { Reason } from "./errors.ts";

/** What socket.io-client tells about a disconnect: a CloseEvent or XMLHttpRequest in `context`. */
interface Details {
  description?: unknown;
  context?: { code?: unknown; status?: unknown } | null;
}

/** WebSocket close codes (RFC 6455, 7.4.1) and HTTP statuses that answer an unreadable or oversized packet. */
const BLAMES: Record<number, Reason> = {
  1003: "bad_request",
  1007: "bad_request",
  1009: "too_large",
  413: "too_large",
};

/** Return the error code that the server's way of closing stands for, or null for an ordinary loss. */
export function blameOf(details: unknown): Reason | null {
  const { description, context } = (details ?? {}) as Details;
  for (const value of [context?.code, context?.status, description]) {
    if (typeof value === "number" && value in BLAMES) return BLAMES[value] ?? null;
  }
  return null;
}

/** A message that was on the wire when the connection ended. */
export interface Suspect {
  id: string;
  /** How many connections have ended soon after this message was sent, the last one included. */
  losses: number;
}

/** A connection may end for any reason twice while the same message is on the wire. */
const MAX_LOSSES = 3;

/**
 * Return the message that has ended the connection, or null when that is not certain.
 *
 * With a blame one loss is enough, if the message was alone. Without one the message must have been on the wire at
 * every one of several losses, more often than each message beside it.
 */
export function culpritOf(suspects: readonly Suspect[], isBlamed: boolean): string | null {
  const most = Math.max(0, ...suspects.map(({ losses }) => losses));
  const [first, ...others] = suspects.filter(({ losses }) => losses === most);
  if (!first || others.length > 0) return null;
  const isCertain = isBlamed ? suspects.length === 1 || most > 1 : most >= MAX_LOSSES;
  return isCertain ? first.id : null;
}
