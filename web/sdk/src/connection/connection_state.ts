/** Define the state of the connection that an application shows. Pure. */

import type { RoomcastError } from "../errors.ts";
import type { Ready } from "../protocol/server_events.ts";

/**
 * - `connecting`: an attempt is under way.
 * - `online`: signed in.
 * - `waiting`: the connection was lost; the next attempt is at `retryAtMs`.
 * - `refused`: the server does not accept the tokens, or the token source has none. `reconnect` tries again.
 * - `closed`: `close` was called; the client stays closed.
 */
export type Phase = "connecting" | "online" | "waiting" | "refused" | "closed";

/** The state of the connection; a new object after every change. */
export interface ConnectionState {
  phase: Phase;
  /** Attempts since the client was last online. */
  attempt: number;
  /** When the next attempt starts, in milliseconds by this device's clock. */
  retryAtMs: number | null;
  /** Whether this client was online before. */
  wasOnline: boolean;
  /** Whether the gateway has announced that it will move this client. */
  draining: boolean;
  /** Why the client is not online. */
  error: RoomcastError | null;
  /** The gateway's `ready` event of the last sign-in. */
  ready: Ready | null;
}

/** The state of a client before its first attempt. */
export const NOT_CONNECTED: ConnectionState = {
  phase: "connecting",
  attempt: 0,
  retryAtMs: null,
  wasOnline: false,
  draining: false,
  error: null,
  ready: null,
};
