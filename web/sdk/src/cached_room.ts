/** Choose the entries of a room that the room cache stores, and make a timeline of them at the next visit. Pure. */

import type { UserId } from "./protocol/ids.ts";
import type { Message } from "./protocol/messages.ts";
import { EMPTY_TIMELINE, type Timeline } from "./timeline.ts";

/** The last state of a room, as the room cache stores it. */
export interface KeptRoom {
  epoch: string;
  last: number;
  /** The newest entries, without gaps, up to `last`. */
  events: readonly Message[];
  more: boolean;
  read: Readonly<Record<UserId, number>>;
}

/** The most characters that one room's entries may take as JSON. */
const MAX_ROOM_CHARACTERS = 200_000;

/** Return the state of a room to store; null until the server has confirmed the timeline. */
export function keptOf(
  timeline: Timeline,
  read: Readonly<Record<UserId, number>>,
  maxMessages: number,
): KeptRoom | null {
  const { epoch, last, events, more } = timeline;
  if (epoch === null || timeline.isKept || timeline.isRestarting) return null;
  const newest = withinBounds(withoutDeleted(events), maxMessages);
  return { epoch, last, events: newest, more: more || newest.length < events.length, read };
}

/** Return the timeline to show until the server has answered the join. */
export function timelineOf({ epoch, last, events, more }: KeptRoom): Timeline {
  return { ...EMPTY_TIMELINE, epoch, last, events, more, isKept: true };
}

/** Remove text, media and data of deleted messages and of their edits. */
function withoutDeleted(events: readonly Message[]): Message[] {
  const deleted = new Set(events.filter((event) => event.kind === "delete").map((event) => event.target));
  return events.map((event) => {
    if (!deleted.has(event.seq) && !deleted.has(event.target)) return event;
    const { text: _text, media: _media, data: _data, ...rest } = event;
    return rest;
  });
}

function withinBounds(events: readonly Message[], maxMessages: number): Message[] {
  const newest = events.slice(-maxMessages);
  let characters = 0;
  const first = newest.findLastIndex((event) => {
    characters += JSON.stringify(event).length;
    return characters > MAX_ROOM_CHARACTERS;
  });
  return newest.slice(first + 1);
}
