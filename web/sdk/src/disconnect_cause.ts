/** Find out whether the server ended a connection because of a message of this client. Pure. */

import type { Reason } from "./errors.ts";

/** The details of a disconnect from socket.io-client: a CloseEvent or XMLHttpRequest in `context`. */
interface Details {
  description?: unknown;
  context?: { code?: unknown; status?: unknown } | null;
}

/** The close codes (RFC 6455, 7.4.1) and HTTP statuses by which a server refuses an unreadable or oversized packet. */
const BLAMES: Record<number, Reason> = {
  1003: "bad_request",
  1007: "bad_request",
  1009: "too_large",
  413: "too_large",
};

/** Return the error in BLAMES for the close code or HTTP status of a disconnect; null if BLAMES has none. */
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

/** Losses after which a message counts as their cause. Two losses may be chance: connections end for many reasons. */
const MAX_LOSSES = 3;

/**
 * Return the id of the message that made the server end the connection, or null when that is not certain.
 *
 * The message must have more losses than every other suspect. The least number of losses is 1 if the server blamed a
 * message (`isBlamed`) and only one was on the wire, 2 if it blamed one of several, and MAX_LOSSES without a blame.
 */
export function culpritOf(suspects: readonly Suspect[], isBlamed: boolean): string | null {
  const most = Math.max(0, ...suspects.map(({ losses }) => losses));
  const [first, ...others] = suspects.filter(({ losses }) => losses === most);
  if (!first || others.length > 0) return null;
  const isCertain = isBlamed ? suspects.length === 1 || most > 1 : most >= MAX_LOSSES;
  return isCertain ? first.id : null;
}
