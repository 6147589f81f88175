/** Check and make the ids of rooms and users, and check the names of custom events. */

/** `public:<name>`, `dm:<user>:<user>`, or the id of a room with members: see `isRoomId`. */
export type RoomId = string;

/** The `sub` of a token: see `isUserId`. */
export type UserId = string;

const ROOM_PATTERN = /^[A-Za-z0-9_.:@-]{1,128}$/;

const USER_PATTERN = /^[A-Za-z0-9_.@-]{1,60}$/;

const EVENT_NAME_PATTERN = /^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,63}$/;

/** Return whether a gateway accepts this as the id of a room. */
export function isRoomId(text: string): boolean {
  return ROOM_PATTERN.test(text);
}

/** Return whether a gateway accepts this as the id of a user. */
export function isUserId(text: string): boolean {
  return USER_PATTERN.test(text);
}

/** Return whether a gateway accepts this as the name of a custom event. */
export function isEventName(text: string): boolean {
  return EVENT_NAME_PATTERN.test(text);
}

/** Return the id of two people's direct room: their ids sorted by code unit, as the server sorts them. */
export function directRoom(one: UserId, other: UserId): RoomId {
  const [first, second] = one <= other ? [one, other] : [other, one];
  return `dm:${first}:${second}`;
}

/** Return the other person in a `dm:` room, or null for any other room. */
export function directPeer(room: RoomId, self: UserId): UserId | null {
  const [kind, first, second] = room.split(":");
  if (kind !== "dm" || !first || !second) return null;
  return first === self ? second : first;
}
