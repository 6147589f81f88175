/** Define the state of a room that an application shows, and the options to send and edit a message. Pure. */

import type { RoomcastError } from "./errors.ts";
import { NO_PEOPLE } from "./room_people.ts";
import type { Data } from "./protocol/app_types.ts";
import type { UserId } from "./protocol/ids.ts";
import type { Media } from "./protocol/messages.ts";
import type { Member } from "./protocol/people.ts";
import type { ChatMessage } from "./message_view.ts";

/**
 * - `idle`: not joined, and no join is wanted.
 * - `joining`: the join has not been answered yet.
 * - `joined`: in the room; the server has answered the join, and sends new messages from now on.
 * - `refused`: the server refused the join, or removed the user; `error` says why.
 */
export type RoomPhase = "idle" | "joining" | "joined" | "refused";

/** The state of a room to show; a new object after every change, so that it can be compared by reference. */
export interface RoomState<D extends object = Data> {
  phase: RoomPhase;
  error: RoomcastError | null;
  /** The loaded messages, oldest first, followed by this client's messages that have not arrived in the room's log yet. */
  messages: readonly ChatMessage<D>[];
  /** The seq of the last entry that arrived without a gap before it. Edits and reactions are entries, too. */
  seq: number;
  /** Whether the server has messages older than the loaded ones. */
  hasOlder: boolean;
  /** Whether a page of older messages is being loaded. */
  loadingOlder: boolean;
  /** Whether messages that this client missed while it was not connected could not be recovered. */
  cut: boolean;
  /** Whether the messages come from the room cache, and the server has not confirmed them yet. */
  stale: boolean;
  /** How many people are here, invisible ones left out. */
  occupancy: number;
  members: readonly Member[];
  moreMembers: boolean;
  /** The people who were seen here and have left, the latest first. */
  gone: readonly Member[];
  /** User → the seq up to which that user has read. The object has no prototype: a user id may be `constructor`. */
  read: Readonly<Record<UserId, number>>;
  typing: UserId[];
}

/** Return the read marks of all arguments, for each user the highest. The object has no prototype. */
export function mergedMarks(...parts: Readonly<Record<UserId, number>>[]): Record<UserId, number> {
  const merged: Record<UserId, number> = Object.create(null);
  for (const part of parts)
    for (const [user, seq] of Object.entries(part)) merged[user] = Math.max(seq, merged[user] ?? 0);
  return merged;
}

/** The state of a room that was not joined yet. */
export const EMPTY_ROOM: RoomState = {
  phase: "idle",
  error: null,
  messages: [],
  seq: 0,
  hasOlder: false,
  loadingOlder: false,
  cut: false,
  stale: false,
  ...NO_PEOPLE,
  moreMembers: false,
  read: mergedMarks(),
  typing: [],
};

/** A new message: text, a file, data, or several of them. */
export interface SendOptions<D extends object = Data> {
  text?: string;
  /** A verified upload, from `Client.upload`. */
  media?: Media;
  /** A JSON object of the application's. A client without the application's code shows only the text. */
  data?: D;
  /** The seq of the message that this one answers. */
  replyTo?: number;
  /** At most 20 users to mention; each must have access to the room. */
  mentions?: UserId[];
}

/** The parts of a message that an edit changes. An absent part stays as it is. */
export interface EditOptions<D extends object = Data> {
  text?: string;
  data?: D;
}
