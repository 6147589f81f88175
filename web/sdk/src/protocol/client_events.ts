/**
 * List the events that a client sends, each with its payload and the answer in its ack.
 *
 * Times are milliseconds since the epoch by the server's clock; sizes are bytes; durations are seconds.
 * `contract/src/roomcast/contract/vectors/browser.json` has the same names; a test compares the two.
 */

import type { RoomId, UserId } from "./ids.ts";
import type { Media, Page, Report, SendPayload, SignedUpload, Since } from "./messages.ts";
import type { Member, PresenceLook, Profile, Status, Users, UsersAnswer } from "./people.ts";
import type { InboxPage, JoinAnswer, PublicRoom, RoomInfo, RoomSanctions, RoomSummary } from "./rooms.ts";

/** An object without fields. */
export type Empty = Record<never, never>;

/** Every acked client event: its payload, and what its ack adds to `{ok: true}`. */
export interface ClientEvents {
  "room:join": [{ room: RoomId; since?: Since; limit?: number; replay?: boolean }, JoinAnswer];
  "room:leave": [{ room: RoomId }, Empty];
  "room:members": [
    { room: RoomId; after?: string; limit?: number; stored?: boolean },
    { members: Member[]; more: boolean; after?: string | null },
  ];
  "room:create": [{ room: RoomId; kind: "private" | "public"; name?: string }, Empty];
  "room:invite": [{ room: RoomId; user: UserId; role?: "admin" | "member" }, Empty];
  "room:remove": [{ room: RoomId; user: UserId }, Empty];
  "room:list": [{ after?: RoomId; limit?: number }, { rooms: RoomSummary[]; more?: boolean; after?: RoomId | null }];
  "inbox:list": [{ after?: string; limit?: number; live?: boolean }, InboxPage];
  "room:directory": [
    { query?: string; after?: string; limit?: number },
    { rooms: PublicRoom[]; more: boolean; after: string | null },
  ];
  "room:info": [{ room: RoomId }, RoomInfo];
  "room:update": [
    { room: RoomId; name?: string; topic?: string; data?: object },
    { room: RoomId; name: string; topic: string; data: object },
  ];
  "room:transfer": [{ room: RoomId; user: UserId }, { room: RoomId; owner: UserId }];
  "room:close": [{ room: RoomId }, { room: RoomId }];
  "room:quit": [{ room: RoomId }, { room: RoomId }];
  "room:sanction": [
    { room: RoomId; user: UserId; kind: "mute" | "ban"; on: boolean; seconds?: number },
    { room: RoomId; user: UserId; kind: "mute" | "ban"; on: boolean; until: number },
  ];
  "room:sanctions": [{ room: RoomId }, RoomSanctions];
  "room:slow": [{ room: RoomId; seconds: number }, { room: RoomId; seconds: number }];
  "room:emit": [{ room: RoomId; event: string; data?: object; as_invisible?: boolean }, { sent: boolean }];
  "message:send": [SendPayload, { seq: number; time: number; epoch?: string; duplicate: boolean }];
  "message:edit": [{ room: RoomId; id: string; target: number; text?: string; data?: object }, { seq: number }];
  "message:delete": [{ room: RoomId; id: string; target: number }, { seq: number }];
  "message:react": [{ room: RoomId; id: string; target: number; emoji: string; on: boolean }, { seq: number }];
  "message:history": [{ room: RoomId; before?: number; limit?: number }, Page];
  "message:report": [{ room: RoomId; target: number; reason: string }, { id: string }];
  "report:list": [{ room?: RoomId; after?: string; limit?: number }, { reports: Report[]; more: boolean }];
  "report:resolve": [{ id: string }, { id: string }];
  "user:block": [{ user: UserId; on: boolean }, { user: UserId; on: boolean }];
  "user:blocked": [Record<string, never>, { users: UserId[] }];
  "user:profiles": [Users, { users: Record<UserId, Profile> }];
  "user:search": [
    { name: string; after?: string; limit?: number },
    { people: (Profile & { user: UserId })[]; more: boolean; after: string | null },
  ];
  "receipt:read": [{ room: RoomId; seq: number }, Empty];
  presence: [
    { status?: Status; note?: string; until?: number },
    { online_seconds: number; status?: Status; note?: string; until?: number },
  ];
  "presence:query": [PresenceLook, UsersAnswer];
  "presence:watch": [PresenceLook, UsersAnswer];
  "presence:unwatch": [Users, Empty];
  "media:sign": [
    { room: RoomId; name: string; type: string; size: number; width?: number; height?: number },
    SignedUpload,
  ];
  "media:complete": [{ upload: string }, { media: Media }];
  "media:url": [{ upload: string }, { url: string; expires: number }];
  "auth:refresh": [{ token: string }, { expires: number }];
}

/** The name of an acked client event. */
export type ClientEvent = keyof ClientEvents;

/** The payload of a client event. */
export type Payload<E extends ClientEvent> = ClientEvents[E][0];

/** What the ack of a client event adds to `{ok: true}`. */
export type Answer<E extends ClientEvent> = ClientEvents[E][1];

/** The names of all client events. */
export const CLIENT_EVENTS = [
  "room:join",
  "room:leave",
  "room:members",
  "room:create",
  "room:invite",
  "room:remove",
  "room:list",
  "inbox:list",
  "room:directory",
  "room:info",
  "room:update",
  "room:transfer",
  "room:close",
  "room:quit",
  "room:sanction",
  "room:sanctions",
  "room:slow",
  "room:emit",
  "message:send",
  "message:edit",
  "message:delete",
  "message:react",
  "message:history",
  "message:report",
  "report:list",
  "report:resolve",
  "user:block",
  "user:blocked",
  "user:profiles",
  "user:search",
  "typing",
  "receipt:read",
  "presence",
  "presence:query",
  "presence:watch",
  "presence:unwatch",
  "media:sign",
  "media:complete",
  "media:url",
  "auth:refresh",
] as const satisfies readonly (ClientEvent | "typing")[];
