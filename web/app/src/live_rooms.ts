/** Which rooms are joined at once: the ones used last, up to a bound. The room list joins and leaves them. */

import type { RoomId } from "@roomcast/sdk";

export class LiveRooms {
  readonly #max: number;
  readonly #fixed: RoomId;
  /** In order of use: the one that was used longest ago comes first. */
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

  /** Make a room the one used last; return the room that has to make place for it, or null. */
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
