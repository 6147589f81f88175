/** Rooms that were left: out of the list until they are opened again, or somebody writes. */

import type { RoomId, UserId } from "@roomcast/sdk";

const MAX_KEPT = 500;

export class HiddenRooms {
  readonly #storage: Pick<Storage, "getItem" | "setItem">;
  readonly #key: string;
  readonly #rooms: Set<RoomId>;

  constructor(storage: Pick<Storage, "getItem" | "setItem">, user: UserId) {
    this.#storage = storage;
    this.#key = `roomcast:left:${user}`;
    this.#rooms = new Set(read(storage.getItem(this.#key)));
  }

  has(room: RoomId): boolean {
    return this.#rooms.has(room);
  }

  add(room: RoomId): void {
    this.#rooms.add(room);
    this.#save();
  }

  delete(room: RoomId): void {
    if (this.#rooms.delete(room)) this.#save();
  }

  #save(): void {
    this.#storage.setItem(this.#key, JSON.stringify([...this.#rooms].slice(-MAX_KEPT)));
  }
}

function read(json: string | null): RoomId[] {
  try {
    const rooms: unknown = JSON.parse(json ?? "[]");
    return Array.isArray(rooms) ? rooms.filter((room) => typeof room === "string") : [];
  } catch {
    return [];
  }
}
