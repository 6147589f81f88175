/** From messages to the rows of the timeline: days, the line above the unread ones, one row per message. Pure. */

import type { ChatMessage, UserId } from "@roomcast/sdk";
import { dayEnd, dayOf } from "./format.ts";

export interface MessageRow {
  type: "message";
  key: string;
  message: ChatMessage;
  own: boolean;
  /** The first and the last of one author's messages that follow each other closely. */
  first: boolean;
  last: boolean;
}

export type Row =
  | { type: "day"; key: string; time: number }
  | { type: "unread"; key: string }
  | { type: "system"; key: string; message: ChatMessage }
  | MessageRow;

const GROUP_GAP_MS = 5 * 60_000;

/**
 * Return the rows of a timeline, oldest first. Each row has a key of its own that stays over changes of the message.
 *
 * @param unreadAfter the seq up to which everything was read when the room was opened; null for no line
 */
export function buildRows(messages: readonly ChatMessage[], self: UserId, unreadAfter: number | null): Row[] {
  const rows: Row[] = [];
  let marked = unreadAfter === null;
  let day = { start: Infinity, end: -Infinity };
  for (const message of messages) {
    if (message.time < day.start || message.time >= day.end) {
      day = { start: dayOf(message.time), end: dayEnd(message.time) };
      rows.push({ type: "day", key: `day-${day.start}`, time: message.time });
    }
    if (!marked && isUnread(message, self, unreadAfter ?? 0)) {
      marked = true;
      rows.push({ type: "unread", key: "unread" });
    }
    rows.push(rowOf(message, self, rows.at(-1)));
  }
  return uniqueKeys(rows);
}

/** Return true for a message of another person after `readSeq`; system entries and deleted messages do not count. */
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

/** Make the row of one message; it joins the group of `previous` where author and time allow. */
function rowOf(message: ChatMessage, self: UserId, previous: Row | undefined): Row {
  if (message.kind === "system") return { type: "system", key: `system-${message.id}`, message };
  const joins =
    previous?.type === "message" &&
    previous.message.user === message.user &&
    message.time - previous.message.time < GROUP_GAP_MS;
  if (joins) previous.last = false;
  // Ids are unique per author only.
  const key = `${message.user} ${message.id}`;
  return { type: "message", key, message, own: message.user === self, first: !joins, last: true };
}

/** Number repeated keys: clocks may disagree, so that a day comes twice. */
function uniqueKeys(rows: Row[]): Row[] {
  const seen = new Map<string, number>();
  return rows.map((row) => {
    const count = seen.get(row.key) ?? 0;
    seen.set(row.key, count + 1);
    return count ? { ...row, key: `${row.key}-${count}` } : row;
  });
}
