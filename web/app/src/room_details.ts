/** Cache the descriptions of stored rooms, with the user's own role. Only stored rooms have a description. */

import { RoomcastError, type Client, type RoomChange, type RoomId, type RoomInfo, type Undo } from "@roomcast/sdk";

/** The most characters that the server accepts in a topic. */
export const MAX_TOPIC = 500;
/** The most characters that the server accepts in a room's name. */
export const MAX_ROOM_NAME = 80;

export class RoomDetails {
  readonly #client: Client;
  readonly #listeners = new Set<() => void>();
  readonly #known = new Map<RoomId, RoomInfo | null>();
  readonly #versions = new Map<RoomId, number>();

  constructor(client: Client) {
    this.#client = client;
    client.on("room", (change) => this.#roomChanged(change));
  }

  /** Return the description of a room; null for a room that is not stored, and before the answer. */
  of(room: RoomId): RoomInfo | null {
    return this.#known.get(room) ?? null;
  }

  /** Return a number that changes with each known change of the room's stored members. */
  membersVersion(room: RoomId): number {
    return this.#versions.get(room) ?? 0;
  }

  subscribe(listener: () => void): Undo {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Load a room's description. After a failure, keep the old one. */
  async load(room: RoomId): Promise<void> {
    try {
      this.#learn(room, await this.#client.admin(room).info());
    } catch (thrown) {
      const { reason } = RoomcastError.from(thrown);
      if (reason === "not_found" || reason === "forbidden") this.#learn(room, null);
    }
  }

  /** Tell listeners that a room got or lost a stored member. */
  membersChanged(room: RoomId): void {
    this.#versions.set(room, this.membersVersion(room) + 1);
    this.#emit();
  }

  #roomChanged({ room, change, name, topic, data }: RoomChange): void {
    const known = this.#known.get(room);
    if (change === "removed" || change === "closed") this.#known.delete(room);
    if (!known) return;
    if (change === "updated")
      this.#learn(room, { ...known, name: name ?? known.name, topic: topic ?? "", data: data ?? {} });
    if (change !== "role" && change !== "invited") return;
    void this.load(room);
    this.membersChanged(room);
  }

  #learn(room: RoomId, info: RoomInfo | null): void {
    this.#known.set(room, info);
    this.#emit();
  }

  #emit(): void {
    for (const listener of this.#listeners) listener();
  }
}

/** Return whether the user may change the room's name and topic. Public rooms have no moderators. */
export function canDescribe(info: RoomInfo | null): boolean {
  return info !== null && !info.room.startsWith("public:") && (info.role === "owner" || info.role === "admin");
}
