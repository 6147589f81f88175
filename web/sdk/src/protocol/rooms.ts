/** Describe rooms: on a person's list, in the inbox, in the directory, and in the events about a room. */

import type { RoomId, UserId } from "./ids.ts";
import type { Message, MessagePreview } from "./messages.ts";
import type { Member, Role } from "./people.ts";

/** A room on a person's list. */
export interface RoomSummary {
  room: RoomId;
  name?: string | null;
  /** The seq of the newest entry. */
  seq: number;
  unread: number;
  last?: Message | null;
}

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
