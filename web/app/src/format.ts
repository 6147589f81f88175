/** Words and numbers for people. Pure. */

import { directPeer, type Media, type RoomId, type UserId } from "@roomcast/sdk";

export function clockTime(ms: number): string {
  return new Date(ms).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}

/** The start of the local day that `ms` lies in: equal for two times of one day. */
export function dayOf(ms: number): number {
  const date = new Date(ms);
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
}

export function dayLabel(ms: number, nowMs: number): string {
  const days = Math.round((dayOf(nowMs) - dayOf(ms)) / 86_400_000);
  if (days === 0) return "Today";
  if (days === 1) return "Yesterday";
  const sameYear = new Date(ms).getFullYear() === new Date(nowMs).getFullYear();
  const options: Intl.DateTimeFormatOptions = { weekday: "long", day: "numeric", month: "long" };
  return new Date(ms).toLocaleDateString([], sameYear ? options : { ...options, year: "numeric" });
}

/** A time for a list: the hour today, else the day. */
export function shortTime(ms: number, nowMs: number): string {
  if (dayOf(ms) === dayOf(nowMs)) return clockTime(ms);
  return new Date(ms).toLocaleDateString([], { day: "numeric", month: "short" });
}

export function lastSeen(ms: number | undefined, nowMs: number): string {
  if (!ms) return "Offline";
  const minutes = Math.floor((nowMs - ms) / 60_000);
  if (minutes < 1) return "Seen just now";
  if (minutes < 60) return `Seen ${minutes} min ago`;
  if (minutes < 24 * 60) return `Seen ${Math.floor(minutes / 60)} h ago`;
  return `Seen ${shortTime(ms, nowMs)}`;
}

export function fileSize(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 1_000_000) return `${Math.round(bytes / 1000)} kB`;
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}

/** The first letters of up to two words. */
export function initials(name: string): string {
  const words = name.split(/[\s._@-]+/).filter(Boolean);
  const picked = words.length > 1 ? [words[0], words.at(-1)] : [words[0]];
  return picked.map((word) => [...(word ?? "?")][0]?.toUpperCase() ?? "?").join("");
}

/** A steady number from 0 to `count - 1` for a text. */
export function tint(text: string, count: number): number {
  let hash = 7;
  for (const char of text) hash = (hash * 31 + (char.codePointAt(0) ?? 0)) >>> 0;
  return hash % count;
}

export function plural(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** "Ada", "Ada and Grace", "Ada, Grace and 2 others". */
export function nameList(names: readonly string[]): string {
  if (names.length <= 1) return names[0] ?? "";
  if (names.length === 2) return `${names[0]} and ${names[1]}`;
  return `${names[0]}, ${names[1]} and ${plural(names.length - 2, "other", "others")}`;
}

export function typingText(names: readonly string[]): string {
  if (names.length > 3) return "Several people are typing";
  return `${nameList(names)} ${names.length === 1 ? "is" : "are"} typing`;
}

/** What a room is called: its given name, the other person, or the readable part of its id. */
export function roomTitle(room: RoomId, name: string | null, self: UserId, nameOf: (user: UserId) => string): string {
  const peer = directPeer(room, self);
  if (peer !== null) return nameOf(peer);
  if (name && name !== room) return name;
  return room.replace(/^(public|room):/, "").replace(/-[0-9a-f]{8}$/, "");
}

export function summary(text: string | undefined, media: Media | undefined): string {
  if (text) return text.replace(/\s+/g, " ").trim();
  if (media) return isImage(media) ? "Image" : media.name;
  return "";
}

export function isImage(media: Media): boolean {
  return media.type.startsWith("image/");
}

export interface TextPart {
  text: string;
  href?: string;
}

/** Splits a text at its web addresses. Only http and https become links. */
export function linkParts(text: string): TextPart[] {
  const parts: TextPart[] = [];
  let at = 0;
  for (const match of text.matchAll(/https?:\/\/[^\s<>"']+/g)) {
    const url = match[0].replace(/[.,;:!?)\]}]+$/, "");
    if (match.index > at) parts.push({ text: text.slice(at, match.index) });
    parts.push({ text: url, href: url });
    at = match.index + url.length;
  }
  if (at < text.length) parts.push({ text: text.slice(at) });
  return parts;
}

/** True for one to three emoji and nothing else: shown large. */
export function isEmojiOnly(text: string): boolean {
  return /^(?:\p{Extended_Pictographic}(?:\uFE0F|\u200D\p{Extended_Pictographic}|\p{Emoji_Modifier})*\s?){1,3}$/u.test(
    text,
  );
}
