/** Merge pages and events into the lines of an inbox. Pure. */

import type { RoomcastError } from "./errors.ts";
import type { RoomId } from "./protocol/ids.ts";
import type { InboxEvent, InboxPage, InboxRoom } from "./protocol/rooms.ts";

/**
 * - `idle`: the inbox is not followed (`Inbox.follow`).
 * - `loading`: the list is loading; the present lines may be out of date.
 * - `live`: the list is up to date, and events keep it so.
 * - `failed`: the server did not answer, or refused; `error` says why. The next connect tries again.
 */
export type InboxPhase = "idle" | "loading" | "live" | "failed";

/** The state of an inbox to show; a new object after every change, so that it can be compared by reference. */
export interface InboxState {
  phase: InboxPhase;
  error: RoomcastError | null;
  /** The loaded rooms, the one with the latest activity first. A room that did not change stays the same object. */
  rooms: readonly InboxRoom[];
  /** Unread texts and media in all rooms, also in those that are not loaded yet. */
  unread: number;
  /** Unread messages that mention the user, in all rooms. */
  mentions: number;
  /** Whether older rooms can be loaded. */
  more: boolean;
}

/** The state of an inbox that has not been followed yet. */
export const EMPTY_INBOX: InboxState = { phase: "idle", error: null, rooms: [], unread: 0, mentions: 0, more: false };

/** New lines and totals, without a `reset`. */
export type InboxChange = Exclude<InboxEvent, { reset: true }>;

/** Merge the lines of an event. A room that sorts below the last loaded one is left out: a later page brings it. */
export function changedInbox(state: InboxState, { rooms, unread, mentions }: InboxChange): InboxState {
  const changed = new Map(rooms.map((row) => [row.room, row]));
  const kept = state.rooms.filter(({ room }) => !changed.has(room));
  const last = state.more ? state.rooms.at(-1) : undefined;
  const known = new Set(state.rooms.map(({ room }) => room));
  const isShown = (row: InboxRoom) => known.has(row.room) || last === undefined || byActivity(row, last) < 0;
  const fresh = [...changed.values()].filter((row) => !("removed" in row)).filter((row) => isShown(row as InboxRoom));
  return { ...state, rooms: [...kept, ...(fresh as InboxRoom[])].sort(byActivity), unread, mentions };
}

/** Add a page to the list; the first page replaces the list. `newer` has the lines of events since the request. */
export function pagedInbox(
  state: InboxState,
  page: InboxPage,
  isFirst: boolean,
  newer: ReadonlyMap<RoomId, InboxRoom | null>,
): InboxState {
  const shown = new Map(isFirst ? [] : state.rooms.map((row) => [row.room, row]));
  for (const row of page.rooms) {
    const told = newer.get(row.room);
    if (told !== null) shown.set(row.room, newest(row, shown.get(row.room), told));
  }
  const rooms = [...shown.values()].sort(byActivity);
  return { ...state, rooms, unread: page.unread, mentions: page.mentions, more: page.more };
}

/** Return the newest of a room's lines. An event's line may be newer than a page's line, or older. */
function newest(row: InboxRoom, ...others: (InboxRoom | undefined)[]): InboxRoom {
  const isAhead = (one: InboxRoom, other: InboxRoom) =>
    one.epoch === other.epoch && (one.seq > other.seq || (one.seq === other.seq && one.read > other.read));
  return others.reduce<InboxRoom>((best, other) => (other && isAhead(other, best) ? other : best), row);
}

function byActivity(one: InboxRoom, other: InboxRoom): number {
  return activityOf(other) - activityOf(one) || (one.room < other.room ? -1 : one.room > other.room ? 1 : 0);
}

/** Return when a room was last active, in ms: `active` may be a second too early, the last message's time is exact. */
function activityOf({ active, last }: InboxRoom): number {
  return Math.max(active, last?.time ?? 0);
}
