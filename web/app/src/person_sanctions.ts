/** Read a person's sanctions before the page offers to mute, ban or block that person. */

import { RoomcastError, type Client, type RoomId, type RoomSanctions, type UserId } from "@roomcast/sdk";

/** A person's sanctions in a room, and whether the signed-in user may change them. */
export interface Standing {
  /** Whether the signed-in user may mute and ban in this room. */
  canModerate: boolean;
  isMuted: boolean;
  isBanned: boolean;
  isBlocked: boolean;
}

/** Request a person's standing in a room from the server. Throws RoomcastError. */
export async function standingOf(client: Client, room: RoomId, user: UserId): Promise<Standing> {
  const [sanctions, { users }] = await Promise.all([sanctionsOf(client, room), client.call("user:blocked", {})]);
  return {
    canModerate: sanctions !== null,
    // `in` would also find the names that every object inherits: a user can have the id `constructor`.
    isMuted: sanctions !== null && Object.hasOwn(sanctions.muted, user),
    isBanned: sanctions !== null && Object.hasOwn(sanctions.banned, user),
    isBlocked: users.includes(user),
  };
}

/** Return the sanctions of a room; null if the user may not see them. */
async function sanctionsOf(client: Client, room: RoomId): Promise<RoomSanctions | null> {
  try {
    return await client.call("room:sanctions", { room });
  } catch (thrown) {
    const error = RoomcastError.from(thrown);
    if (error.reason === "forbidden" || error.reason === "not_found") return null;
    throw error;
  }
}
