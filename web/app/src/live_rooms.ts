/** Choose the rooms that stay joined: the last ones used, up to a bound. The room list joins and leaves them. */

import type { RoomId } from "@roomcast/sdk";

export class LiveRooms {
  readonly #max: number;
  readonly #fixed: RoomId;
  /** The joined rooms, the one used longest ago first. */
  readonly #rooms = new Set<RoomId>();

  /** @param fixed a room that always stays joined */
  constructor(max: number, fixed: RoomId) {
    this.#max = max;
    this.#fixed = fixed;
  }

  get isFull(): boolean {
    return this.#rooms.size >= this.#max;
  }

  has(room: RoomId): boolean {
    return this.#rooms.has(room);
  }

  /** Mark a room as used last. Return the room to leave for it if the bound is reached, else null. */
  use(room: RoomId): RoomId | null {
    const evicted = this.#rooms.has(room) || !this.isFull ? null : this.#oldest();
    if (evicted !== null) this.#rooms.delete(evicted);
    this.#rooms.delete(room);
    this.#rooms.add(room);
    return evicted;
  }

  delete(room: RoomId): void {
    this.#rooms.delete(room);
  }

  #oldest(): RoomId | null {
    for (const room of this.#rooms) if (room !== this.#fixed) return room;
    return null;
  }
}
