/**
 * List the events that a gateway sends, each with its payload.
 *
 * Times are milliseconds since the epoch by the server's clock; sizes are bytes; durations are seconds.
 * `contract/src/roomcast/contract/vectors/browser.json` has the same names; a test compares the two.
 */

import type { CustomEvent } from "./app_types.ts";
import type { RoomId, UserId } from "./ids.ts";
import type { Limits } from "./limits.ts";
import type { Message } from "./messages.ts";
import type { PresenceChange, Profile } from "./people.ts";
import type { InboxEvent, RoomChange } from "./rooms.ts";

/** The event that a gateway sends after a client has signed in. */
export interface Ready {
  user: UserId;
  name: string;
  session: string;
  /** The number of the gateway. */
  node: string | number;
  server_time: number;
  heartbeat_seconds: number;
  online_seconds: number;
  limits: Limits;
  /** The reconnect ticket: with it, a full gateway admits this client before new clients. Older gateways send none. */
  ticket?: string;
}

/** Every server event and its payload. */
export interface ServerEvents {
  ready: Ready;
  message: Message;
  typing: { room: RoomId; user: UserId; typing: boolean };
  presence: { changes: PresenceChange[] };
  receipt: { room: RoomId; user: UserId; seq: number };
  profile: Profile & { user: UserId };
  room: RoomChange;
  inbox: InboxEvent;
  custom: CustomEvent;
  resync: { room: RoomId };
  drain: { within_seconds: number };
}

/** The name of a server event. */
export type ServerEvent = keyof ServerEvents;

/** The names of all server events. */
export const SERVER_EVENTS = [
  "ready",
  "message",
  "typing",
  "presence",
  "receipt",
  "profile",
  "room",
  "inbox",
  "custom",
  "resync",
  "drain",
] as const satisfies readonly ServerEvent[];
