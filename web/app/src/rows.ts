/** From messages to the rows of the timeline: days, the line above the unread ones, groups of one author. Pure. */

import type { ChatMessage, UserId } from "@roomcast/sdk";
import { dayOf } from "./format.ts";

export type Row =
  | { type: "day"; key: string; time: number }
  | { type: "unread"; key: string }
  | { type: "group"; key: string; user: UserId; name: string; own: boolean; messages: ChatMessage[] }
  | { type: "system"; key: string; message: ChatMessage };

const GROUP_GAP_MS = 5 * 60_000;

/**
 * @param unreadAfter the seq up to which everything was read when the room was opened; null for no line
 */
export function buildRows(messages: readonly ChatMessage[], self: UserId, unreadAfter: number | null): Row[] {
  const rows: Row[] = [];
  let marked = unreadAfter === null;
  let previous: ChatMessage | null = null;
  for (const message of messages) {
    if (!previous || dayOf(previous.time) !== dayOf(message.time)) {
      rows.push({ type: "day", key: `day-${dayOf(message.time)}`, time: message.time });
    }
    if (!marked && isUnread(message, self, unreadAfter ?? 0)) {
      marked = true;
      rows.push({ type: "unread", key: "unread" });
    }
    place(rows, message, self, previous);
    previous = message;
  }
  return uniqueKeys(rows);
}

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

function place(rows: Row[], message: ChatMessage, self: UserId, previous: ChatMessage | null): void {
  if (message.kind === "system") {
    rows.push({ type: "system", key: `system-${message.id}`, message });
    return;
  }
  const last = rows.at(-1);
  const near = previous !== null && message.time - previous.time < GROUP_GAP_MS;
  if (last?.type === "group" && last.user === message.user && near) {
    last.messages.push(message);
    return;
  }
  const { user, name } = message;
  rows.push({ type: "group", key: `group-${message.id}`, user, name, own: user === self, messages: [message] });
}

/** Clocks may disagree, so that a day comes twice: keys must not. */
function uniqueKeys(rows: Row[]): Row[] {
  const seen = new Map<string, number>();
  return rows.map((row) => {
    const count = seen.get(row.key) ?? 0;
    seen.set(row.key, count + 1);
    return count ? { ...row, key: `${row.key}-${count}` } : row;
  });
}
