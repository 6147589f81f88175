/**
 * What the browser and a gateway say to each other: protocol version 1.
 *
 * Times are milliseconds since the epoch by the server's clock; sizes are bytes; durations are seconds.
 * `contract/vectors/browser.json` holds the same names; a test compares the two.
 */

export type RoomId = string;
export type UserId = string;
export type Role = "owner" | "admin" | "member";
export type Status = "online" | "away" | "busy" | "invisible";
export type ShownStatus = "online" | "away" | "busy" | "offline";
export type MessageKind = "text" | "media" | "edit" | "delete" | "reaction" | "system";

/** Where a client stopped in a room. */
export interface Since {
  seq: number;
  epoch: string;
}

/** What a message says about a file; written by the server only. */
export interface Media {
  upload: string;
  url: string;
  type: string;
  size: number;
  name: string;
  width?: number;
  height?: number;
  thumbnail?: string;
}

/** One entry of a room's log, live or replayed. */
export interface Message {
  room: RoomId;
  seq: number;
  epoch: string;
  time: number;
  id: string;
  user: UserId;
  name: string;
  kind: MessageKind;
  text?: string;
  media?: Media;
  reply_to?: number;
  target?: number;
  emoji?: string;
  on?: boolean;
  /** In replay, on an entry whose text was changed or removed later: the seq of that event. */
  edited?: number;
  deleted?: number;
}

export interface Member {
  user: UserId;
  name: string;
  status: ShownStatus;
  role?: Role;
}

export interface RoomSummary {
  room: RoomId;
  name?: string | null;
  seq: number;
  unread: number;
  last?: Message | null;
}

export interface Limits {
  message_bytes: number;
  upload_bytes: number;
  [name: string]: number;
}

export interface Ready {
  user: UserId;
  name: string;
  session: string;
  node: string | number;
  server_time: number;
  heartbeat_seconds: number;
  online_seconds: number;
  limits: Limits;
}

export interface PresenceInfo {
  status: ShownStatus;
  last_seen?: number;
  note?: string;
}

export interface PresenceChange extends PresenceInfo {
  user: UserId;
}

export interface JoinAnswer {
  room: RoomId;
  epoch: string;
  seq: number;
  recovered: boolean;
  messages: Message[];
  more: boolean;
  occupancy: number;
  members: Member[];
  read: Record<UserId, number>;
}

/** How to hand a file's bytes to the object storage. */
export interface SignedUpload {
  upload: string;
  method: "POST" | "PUT";
  url: string;
  fields?: Record<string, string>;
  headers?: Record<string, string>;
  expires: number;
}

export interface Page {
  messages: Message[];
  more: boolean;
}

type Empty = Record<never, never>;
type Users = { users: UserId[] };
type UsersAnswer = { users: Record<UserId, PresenceInfo> };

/** Every acked client event: its payload and what its ack adds to `{ok: true}`. */
export interface ClientEvents {
  "room:join": [{ room: RoomId; since?: Since; limit?: number }, JoinAnswer];
  "room:leave": [{ room: RoomId }, Empty];
  "room:members": [{ room: RoomId; after?: string; limit?: number }, { members: Member[]; more: boolean }];
  "room:create": [{ room: RoomId; kind: "private" | "public"; name?: string }, Empty];
  "room:invite": [{ room: RoomId; user: UserId; role?: "admin" | "member" }, Empty];
  "room:remove": [{ room: RoomId; user: UserId }, Empty];
  "room:list": [Empty, { rooms: RoomSummary[] }];
  "message:send": [SendPayload, { seq: number; time: number; duplicate: boolean }];
  "message:edit": [{ room: RoomId; id: string; target: number; text: string }, { seq: number }];
  "message:delete": [{ room: RoomId; id: string; target: number }, { seq: number }];
  "message:react": [{ room: RoomId; id: string; target: number; emoji: string; on: boolean }, { seq: number }];
  "message:history": [{ room: RoomId; before?: number; limit?: number }, Page];
  "receipt:read": [{ room: RoomId; seq: number }, Empty];
  presence: [{ status?: Status; note?: string }, { online_seconds: number }];
  "presence:query": [Users, UsersAnswer];
  "presence:watch": [Users, UsersAnswer];
  "presence:unwatch": [Users, Empty];
  "media:sign": [
    { room: RoomId; name: string; type: string; size: number; width?: number; height?: number },
    SignedUpload,
  ];
  "media:complete": [{ upload: string }, { media: Media }];
  "media:url": [{ upload: string }, { url: string; expires: number }];
  "auth:refresh": [{ token: string }, { expires: number }];
}

export interface SendPayload {
  room: RoomId;
  id: string;
  text?: string;
  upload?: string;
  reply_to?: number;
}

export type ClientEvent = keyof ClientEvents;
export type Payload<E extends ClientEvent> = ClientEvents[E][0];
export type Answer<E extends ClientEvent> = ClientEvents[E][1];

/** Every server event and its payload. */
export interface ServerEvents {
  ready: Ready;
  message: Message;
  typing: { room: RoomId; user: UserId; typing: boolean };
  presence: { changes: PresenceChange[] };
  receipt: { room: RoomId; user: UserId; seq: number };
  room: RoomChange;
  resync: { room: RoomId };
  drain: { within_seconds: number };
}

/** What happens to a room, or to one's place in it. */
export interface RoomChange {
  room: RoomId;
  /** `people`: somebody came or went. More kinds may come: leave alone what you do not know. */
  change: "people" | "invited" | "removed" | "closed" | (string & {});
  name?: string;
  by?: UserId;
  occupancy?: number;
  /** Left out in large rooms, where only the count is told. */
  entered?: Member[];
  left?: UserId[];
}

export type ServerEvent = keyof ServerEvents;

export const SERVER_EVENTS = [
  "ready",
  "message",
  "typing",
  "presence",
  "receipt",
  "room",
  "resync",
  "drain",
] as const satisfies readonly ServerEvent[];

export const CLIENT_EVENTS = [
  "room:join",
  "room:leave",
  "room:members",
  "room:create",
  "room:invite",
  "room:remove",
  "room:list",
  "message:send",
  "message:edit",
  "message:delete",
  "message:react",
  "message:history",
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

export const HEARTBEAT_SECONDS = 30;
export const TYPING_SECONDS = 6;
export const MAX_LIST = 100;

const ROOM_PATTERN = /^[A-Za-z0-9_.:@-]{1,128}$/;
const USER_PATTERN = /^[A-Za-z0-9_.@-]{1,60}$/;

export function isRoomId(text: string): boolean {
  return ROOM_PATTERN.test(text);
}

export function isUserId(text: string): boolean {
  return USER_PATTERN.test(text);
}

/** The room of two people: their ids sorted by code unit, as the server sorts them. */
export function directRoom(one: UserId, other: UserId): RoomId {
  const [first, second] = one <= other ? [one, other] : [other, one];
  return `dm:${first}:${second}`;
}

/** The other person in a `dm:` room, or null for any other room. */
export function directPeer(room: RoomId, self: UserId): UserId | null {
  const [kind, first, second] = room.split(":");
  if (kind !== "dm" || !first || !second) return null;
  return first === self ? second : first;
}
