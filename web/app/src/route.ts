/** Convert between rooms and the page's addresses: `#/room/<id>`. Pure. */

import { isRoomId, type RoomId } from "@roomcast/sdk";

export const LOBBY: RoomId = "public:lobby";

/** Return the room id in a location's hash; null if there is none or the id is invalid. */
export function roomOfHash(hash: string): RoomId | null {
  const match = /^#\/room\/(.+)$/.exec(hash);
  if (!match?.[1]) return null;
  const room = decode(match[1]);
  return room !== null && isRoomId(room) ? room : null;
}

export function hashOfRoom(room: RoomId): string {
  return `#/room/${encodeURIComponent(room).replace(/%3A/g, ":").replace(/%40/g, "@")}`;
}

/** Return the room id for a pasted text: a link, a room id, or the bare name of a public room. */
export function roomOfInput(input: string): RoomId | null {
  const text = input.trim();
  const at = text.indexOf("#/room/");
  if (at >= 0) return roomOfHash(text.slice(at));
  if (text.includes(":")) return isRoomId(text) ? text : null;
  const slug = slugOf(text);
  return slug ? `public:${slug}` : null;
}

/** Turn a name into a part of a room id: lower case, words joined by hyphens. */
export function slugOf(name: string): string {
  const plain = name
    .normalize("NFKD")
    .replace(/[\u0300-\u036f]/g, "")
    .toLowerCase();
  return plain
    .replace(/[^a-z0-9_.]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 60);
}

function decode(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
