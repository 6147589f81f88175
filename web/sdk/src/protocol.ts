/**
 * Describe every event between a browser and a gateway: protocol version 1.
 *
 * Times are milliseconds since the epoch by the server's clock; sizes are bytes; durations are seconds.
 * `contract/vectors/browser.json` has the same names; a test compares the two.
 */

/** `public:<name>`, `dm:<user>:<user>`, or the id of a room with members: see `isRoomId`. */
export type RoomId = string;
/** The `sub` of a token: see `isUserId`. */
export type UserId = string;
/** The role of a room's member. Owners and admins invite and remove people. */
export type Role = "owner" | "admin" | "member";
/** The status that a user sets. */
export type Status = "online" | "away" | "busy" | "invisible";
/** The status that other users see: invisible people are shown as offline. */
export type ShownStatus = "online" | "away" | "busy" | "offline";
/** The kind of a log entry. `system` entries come from a back end; `data` entries have neither text nor media. */
export type MessageKind = "text" | "media" | "data" | "edit" | "delete" | "reaction" | "system";

/** A JSON object of the application: at most `MAX_DATA_BYTES` as JSON, nested at most `MAX_DATA_DEPTH` deep. */
// biome-ignore lint/suspicious/noExplicitAny: an interface is assignable to an index signature only if that is `any`
export type Data = Record<string, any>;

/** The types that an application adds to the protocol; see `connect`. Undeclared data may be any JSON object. */
export interface AppTypes {
  /** The type of `data` in messages. */
  messageData?: object;
  /** Name → type of `data` of custom events, sent by any user or back end. */
  events?: object;
}

/** The `data` of an application's messages. */
export type MessageData<A extends AppTypes> = A extends { messageData: infer D extends object } ? D : Data;

/** Name → data of an application's custom events. */
export type CustomEvents<A extends AppTypes> = A extends { events: infer E extends object } ? E : Record<string, Data>;

/** The name of one of an application's custom events. */
export type CustomEventName<A extends AppTypes> = keyof CustomEvents<A> & string;

/** A custom event of the application, from `room:emit` or from a back end. It is not kept. */
export interface CustomEvent<D = Data> {
  event: string;
  data: D;
  /** Absent on events that a back end sends to one user or to all users. */
  room?: RoomId;
  /** The sender, as set by the gateway; absent on events of back ends. */
  user?: UserId;
}

/** The position in a room's log up to which a client has all entries. */
export interface Since {
  seq: number;
  epoch: string;
}

/** The description of a verified file in a message. Only the server writes it. */
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

/** One entry of a room's log. Edits, deletions and reactions are entries, too: they name their `target`. */
export interface Message<D extends object = Data> {
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
  data?: D;
  reply_to?: number;
  /** The people whom the message mentions. */
  mentions?: UserId[];
  target?: number;
  emoji?: string;
  on?: boolean;
  /** On an entry from history or recovery whose text was edited later: the seq of the latest edit. */
  edited?: number;
  /** On an entry from history or recovery that was deleted later: the seq of the deletion. */
  deleted?: number;
}

/** A person in a room. */
export interface Member {
  user: UserId;
  name: string;
  status: ShownStatus;
  role?: Role;
}

/** A room on a person's list. */
export interface RoomSummary {
  room: RoomId;
  name?: string | null;
  /** The seq of the newest entry. */
  seq: number;
  unread: number;
  last?: Message | null;
}

/** A preview of a room's newest text or media for the inbox. Its text is cut after 200 characters. */
export type MessagePreview = Pick<
  Message,
  "seq" | "epoch" | "time" | "id" | "user" | "name" | "kind" | "text" | "mentions" | "edited" | "deleted"
> & { media?: Pick<Media, "type" | "name"> };

/** A room in the inbox. */
export interface InboxRoom {
  room: RoomId;
  /** The room's name; in a direct room the other person's name. */
  name: string;
  /** The seq of the newest entry. */
  seq: number;
  epoch: string;
  /** When the latest text or media arrived (this may be up to a second too early); 0 if there is none. */
  active: number;
  /** Texts and media of other users after the own read mark. */
  unread: number;
  /** Messages after the own read mark that mention the user; 100 means at least 100. */
  mentions: number;
  /** The own read mark. */
  read: number;
  last: MessagePreview | null;
}

/** A page of the inbox, the room with the latest activity first, and the totals of all rooms. */
export interface InboxPage {
  rooms: InboxRoom[];
  more: boolean;
  /** The `after` of the request for the next page; null if there is none. */
  after: string | null;
  unread: number;
  mentions: number;
}

/** New lines of the inbox with the new totals; or `reset`: the client must ask for the list again. */
export type InboxEvent =
  | { rooms: (InboxRoom | { room: RoomId; removed: true })[]; unread: number; mentions: number; reset?: undefined }
  | { reset: true };

/** The limits of a gateway. */
export interface Limits {
  /** The longest text, in bytes of UTF-8. */
  message_bytes: number;
  /** The largest file, in bytes. */
  upload_bytes: number;
  /** The largest packet, in bytes. */
  payload_bytes: number;
  [name: string]: number;
}

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

/** One device of a person: one connection. */
export interface Device {
  status: ShownStatus;
  /** The kind of device that its client has named, for example `web` or `mobile`; absent if none. */
  kind?: string;
}

/** A person's status and note. */
export interface PresenceInfo {
  status: ShownStatus;
  last_seen?: number;
  note?: string;
  /** When the note ends; absent if it has no end. */
  until?: number;
  /** The devices, the most reachable first; only of people who are watched with `devices`. */
  devices?: readonly Device[];
}

/** A new state of one person. */
export interface PresenceChange extends PresenceInfo {
  user: UserId;
}

/** The answer to `room:join`. */
export interface JoinAnswer {
  room: RoomId;
  epoch: string;
  /** The seq of the newest entry. */
  seq: number;
  /** Whether the client gets all entries after its `since`; else it gets the latest page. */
  recovered: boolean;
  /** Empty in the replay form, in which the entries follow as `message` events. */
  messages: Message[];
  /** With `recovered`: newer entries exist; join again from the last one. Else: older entries exist. */
  more: boolean;
  occupancy: number;
  members: Member[];
  read: Record<UserId, number>;
}

/** How to send a file's bytes to the object storage. */
export interface SignedUpload {
  upload: string;
  method: "POST" | "PUT";
  url: string;
  fields?: Record<string, string>;
  headers?: Record<string, string>;
  expires: number;
}

/** A page of a room's log, the oldest entry first. */
export interface Page {
  messages: Message[];
  /** Whether older entries exist. */
  more: boolean;
  epoch?: string;
  seq?: number;
}

/** An object without fields. */
export type Empty = Record<never, never>;
/** A list of people. */
export type Users = { users: UserId[] };
/** A list of people, and whether to return their devices. */
export type PresenceLook = Users & { devices?: boolean };
/** The presence of each person in a list. */
export type UsersAnswer = { users: Record<UserId, PresenceInfo> };

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

/** The profile of a person: what other users see. */
export interface Profile {
  name: string;
  /** An https URL. */
  picture?: string;
  /** A JSON object of the application. */
  data?: Record<string, unknown>;
}

/** A room of the directory. */
export interface PublicRoom {
  room: RoomId;
  name: string;
  topic: string;
  data: Record<string, unknown>;
  /** How many people are in the room now. */
  occupancy: number;
}

/** The description of a stored room. */
export interface RoomInfo {
  room: RoomId;
  kind: "private" | "public";
  name: string;
  /** One line; empty if there is none. */
  topic: string;
  /** A JSON object of the application; empty if there is none. */
  data: Record<string, unknown>;
  owner: UserId;
  /** The user's own role; null without a membership. */
  role: Role | null;
}

/** The muted and banned users of a room: user → when the sanction ends, in ms since 1970; 0: never. */
export interface RoomSanctions {
  room: RoomId;
  muted: Record<UserId, number>;
  banned: Record<UserId, number>;
  /** Seconds between two messages of a user; 0: no slow mode. */
  slow_seconds: number;
}

/** An open report of a message. */
export interface Report {
  id: string;
  room: RoomId;
  /** The seq of the message. */
  target: number;
  /** The user who reported the message. */
  by: UserId;
  reason: string;
  /** The message at the time of the report, as JSON. */
  message: string;
}

/** A new message: text, an upload, data, or several of them. */
export interface SendPayload {
  room: RoomId;
  id: string;
  text?: string;
  upload?: string;
  reply_to?: number;
  data?: object;
  mentions?: UserId[];
}

/** The name of an acked client event. */
export type ClientEvent = keyof ClientEvents;
/** The payload of a client event. */
export type Payload<E extends ClientEvent> = ClientEvents[E][0];
/** What the ack of a client event adds to `{ok: true}`. */
export type Answer<E extends ClientEvent> = ClientEvents[E][1];

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

/** A change of a room, or of this user's membership in it. */
export interface RoomChange {
  room: RoomId;
  /** The kind of change. `people`: people entered or left. Ignore unknown kinds: later versions may add some. */
  change:
    | "people"
    | "invited"
    | "direct"
    | "removed"
    | "closed"
    | "updated"
    | "role"
    | "muted"
    | "unmuted"
    | "banned"
    | "unbanned"
    | "slow"
    | (string & {});
  /** `updated`, `invited`, `direct`: the room's name. */
  name?: string;
  /** `updated`: the room's new topic. */
  topic?: string;
  data?: Record<string, unknown>;
  /** `role`: the user whose role has changed. */
  user?: UserId;
  role?: Role | null;
  by?: UserId;
  /** `muted`, `banned`: when the sanction ends, in ms since 1970; 0: never. */
  until?: number;
  /** `slow`: seconds between two messages of a user; 0: slow mode is over. */
  seconds?: number;
  occupancy?: number;
  /** `people`: who entered. Absent in large rooms, which get only `occupancy`. */
  entered?: Member[];
  left?: UserId[];
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

/** The statuses that a user can set. */
export const STATUSES = ["online", "away", "busy", "invisible"] as const satisfies readonly Status[];

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

/** Seconds between two `presence` heartbeats of a client, unless `ready` says otherwise. */
export const HEARTBEAT_SECONDS = 30;
/** Seconds after which a typing indicator without a refresh ends. */
export const TYPING_SECONDS = 6;
/** The most entries in any list of the protocol. */
export const MAX_LIST = 100;
/** The most bytes of an application's `data`, as JSON in UTF-8. */
export const MAX_DATA_BYTES = 4_096;
/** The deepest nesting of objects and lists in `data`; the object itself counts as 1. */
export const MAX_DATA_DEPTH = 8;

const ROOM_PATTERN = /^[A-Za-z0-9_.:@-]{1,128}$/;
const USER_PATTERN = /^[A-Za-z0-9_.@-]{1,60}$/;

const EVENT_NAME_PATTERN = /^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,63}$/;

/** Return whether a gateway accepts this as the name of a custom event. */
export function isEventName(text: string): boolean {
  return EVENT_NAME_PATTERN.test(text);
}

/** Return whether a gateway accepts this as the id of a room. */
export function isRoomId(text: string): boolean {
  return ROOM_PATTERN.test(text);
}

/** Return whether a gateway accepts this as the id of a user. */
export function isUserId(text: string): boolean {
  return USER_PATTERN.test(text);
}

/** Return the id of two people's direct room: their ids sorted by code unit, as the server sorts them. */
export function directRoom(one: UserId, other: UserId): RoomId {
  const [first, second] = one <= other ? [one, other] : [other, one];
  return `dm:${first}:${second}`;
}

/** Return the other person in a `dm:` room, or null for any other room. */
export function directPeer(room: RoomId, self: UserId): UserId | null {
  const [kind, first, second] = room.split(":");
  if (kind !== "dm" || !first || !second) return null;
  return first === self ? second : first;
}
