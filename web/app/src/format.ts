/** Format times, sizes, names and texts for people. Pure. */

import { directPeer, type Media, type RoomId, type UserId } from "@roomcast/sdk";
import { cleanName, withoutControls } from "./safe_names.ts";

export function clockTime(ms: number): string {
  return new Date(ms).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}

/** Return the start of the local day that contains `ms`: the same for all times of one day. */
export function dayOf(ms: number): number {
  const date = new Date(ms);
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
}

/** Return the start of the next local day; days have 23 to 25 hours. */
export function dayEnd(ms: number): number {
  const date = new Date(ms);
  return new Date(date.getFullYear(), date.getMonth(), date.getDate() + 1).getTime();
}

export function dayLabel(ms: number, nowMs: number): string {
  const days = Math.round((dayOf(nowMs) - dayOf(ms)) / 86_400_000);
  if (days === 0) return "Today";
  if (days === 1) return "Yesterday";
  const sameYear = new Date(ms).getFullYear() === new Date(nowMs).getFullYear();
  const options: Intl.DateTimeFormatOptions = { weekday: "long", day: "numeric", month: "long" };
  return new Date(ms).toLocaleDateString([], sameYear ? options : { ...options, year: "numeric" });
}

/** Return a time for a list: hour and minute if it is today, else the date. */
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

/** Return the first letters of up to two words. */
export function initials(name: string): string {
  const words = cleanName(name)
    .split(/[\s._@-]+/)
    .filter(Boolean);
  const picked = words.length > 1 ? [words[0], words.at(-1)] : [words[0]];
  return picked.map((word) => [...(word ?? "?")][0]?.toUpperCase() ?? "?").join("");
}

/** Return a number from 0 to `count - 1`, always the same for the same text. */
export function tint(text: string, count: number): number {
  let hash = 7;
  for (const char of text) hash = (hash * 31 + (char.codePointAt(0) ?? 0)) >>> 0;
  return hash % count;
}

export function plural(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** Join names: "Ada", "Ada and Grace", "Ada, Grace and 2 others". */
export function nameList(names: readonly string[]): string {
  if (names.length <= 1) return names[0] ?? "";
  if (names.length === 2) return `${names[0]} and ${names[1]}`;
  return `${names[0]}, ${names[1]} and ${plural(names.length - 2, "other", "others")}`;
}

export function typingText(names: readonly string[]): string {
  if (names.length > 3) return "Several people are typing";
  return `${nameList(names)} ${names.length === 1 ? "is" : "are"} typing`;
}

/** Return the title of a room: the other person's name, the room's name, or the readable part of its id. */
export function roomTitle(room: RoomId, name: string | null, self: UserId, nameOf: (user: UserId) => string): string {
  const peer = directPeer(room, self);
  if (peer !== null) return cleanName(nameOf(peer), peer);
  const fromId = room.replace(/^(public|room):/, "").replace(/-[0-9a-f]{8}$/, "");
  return name && name !== room ? cleanName(name, fromId) : fromId;
}

/** Return a message on one line, for lists and quotes. */
export function summary(text: string | undefined, media: Pick<Media, "type" | "name"> | undefined): string {
  if (text) return withoutControls(text.replace(/\s+/g, " ")).trim();
  if (!media) return "";
  const kind = mediaKind(media);
  return kind === "file" ? withoutControls(media.name) : { image: "Image", video: "Video", audio: "Audio" }[kind];
}

/** Return how the page shows a file: as an image, with a player, or as a card with its name. */
export function mediaKind(media: Pick<Media, "type">): "image" | "video" | "audio" | "file" {
  const [top] = media.type.split("/");
  return top === "image" || top === "video" || top === "audio" ? top : "file";
}

export interface TextPart {
  text: string;
  href?: string;
}

/** Split a text at its web addresses. Only http and https become links. */
export function linkParts(text: string): TextPart[] {
  const parts: TextPart[] = [];
  let at = 0;
  for (const match of text.matchAll(/https?:\/\/[^\s<>"'\u2066-\u2069\u202a-\u202e]+/g)) {
    const url = withoutTail(match[0]);
    if (match.index > at) parts.push({ text: text.slice(at, match.index) });
    parts.push({ text: url, href: url });
    at = match.index + url.length;
  }
  if (at < text.length) parts.push({ text: text.slice(at) });
  return parts;
}

const OPENING: Record<string, string> = { ")": "(", "]": "[", "}": "{", "）": "（" };
const SENTENCE_END = /[.,;:!?…。，、；：！？」』】》]/;

/** Remove punctuation at the end of an address, and closing brackets that have no opening bracket in the address. */
function withoutTail(url: string): string {
  const counts = new Map<string, number>();
  for (const character of url) counts.set(character, (counts.get(character) ?? 0) + 1);
  const count = (character: string) => counts.get(character) ?? 0;
  let end = url.length;
  for (; end > 0; end--) {
    const last = url[end - 1]!;
    const opening = OPENING[last];
    if (opening ? count(last) <= count(opening) : !SENTENCE_END.test(last)) break;
    counts.set(last, count(last) - 1);
  }
  return url.slice(0, end);
}

/** Return whether the text is one to three emoji and nothing else. The page shows such a text large. */
export function isEmojiOnly(text: string): boolean {
  return /^(?:\p{Extended_Pictographic}(?:\uFE0F|\u200D\p{Extended_Pictographic}|\p{Emoji_Modifier})*\s?){1,3}$/u.test(
    text,
  );
}
