/**
 * Turn messages into the rows of the timeline, one row per message. Pure.
 *
 * The label of a day and the line above the unread messages are part of the row below them. So every row is a message.
 * No row disappears when older messages are loaded, and the timeline can keep its scroll position relative to any row.
 */

import type { ChatMessage, UserId } from "@roomcast/sdk";
import { dayEnd, dayOf } from "./format.ts";

export interface Row {
  key: string;
  message: ChatMessage;
  /** On the first message of a day: the start of that day, in ms; else null. */
  day: number | null;
  /** Whether the line above the unread messages is above this row. */
  unread: boolean;
  own: boolean;
  /** Whether the message is the first of a group: messages of one author that are close in time. */
  first: boolean;
  /** Whether the message is the last of a group. */
  last: boolean;
}

const GROUP_GAP_MS = 5 * 60_000;

/**
 * Return the rows of a timeline, oldest first. A row's key stays the same over changes of the message.
 *
 * @param unreadAfter the seq of the last message that was read when the room was opened; null for no unread line
 */
export function buildRows(messages: readonly ChatMessage[], self: UserId, unreadAfter: number | null): Row[] {
  const rows: Row[] = [];
  let marked = unreadAfter === null;
  let day = { start: Infinity, end: -Infinity };
  for (const message of messages) {
    const isNewDay = message.time < day.start || message.time >= day.end;
    if (isNewDay) day = { start: dayOf(message.time), end: dayEnd(message.time) };
    const unread = !marked && isUnread(message, self, unreadAfter ?? 0);
    marked ||= unread;
    const previous = rows.at(-1);
    const first = isNewDay || unread || !previous || !continues(previous.message, message);
    if (!first) previous.last = false;
    const own = message.user === self;
    // Ids are unique per author only.
    const key = `${message.user} ${message.id}`;
    rows.push({ key, message, day: isNewDay ? day.start : null, unread, own, first, last: true });
  }
  return rows;
}

/** Return whether two messages belong to one group: same author, close in time. */
function continues(previous: ChatMessage, message: ChatMessage): boolean {
  if (previous.kind === "system" || message.kind === "system") return false;
  return previous.user === message.user && message.time - previous.time < GROUP_GAP_MS;
}

/** Return whether a message counts as unread: another user's, after `readSeq`, not deleted, not a system message. */
export function isUnread(message: ChatMessage, self: UserId, readSeq: number): boolean {
  return message.kind !== "system" && !message.deleted && message.user !== self && (message.seq ?? 0) > readSeq;
}

export function countUnread(messages: readonly ChatMessage[], self: UserId, readSeq: number): number {
  let count = 0;
  for (let at = messages.length - 1; at >= 0; at--) {
    const message = messages[at]!;
    if (message.seq !== null && message.seq <= readSeq) break;
    if (isUnread(message, self, readSeq)) count += 1;
  }
  return count;
}
