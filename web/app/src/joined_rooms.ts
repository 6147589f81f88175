/** Choose which rooms stay joined: the most recently used ones, up to a bound. `RoomList` joins and leaves rooms. */

import type { RoomId } from "@roomcast/sdk";

export class JoinedRooms {
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

  /** Make a room the one used most recently. Return the room to leave if the bound is reached, else null. */
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
