/**
 * Hide the rooms that the user has left. A room is shown again when the user opens it. A room that is not public is
 * also shown again when a new entry arrives.
 */

import type { RoomId, UserId } from "@roomcast/sdk";
import { loadSeqs, saveSeqs, type Store } from "./stored_seqs.ts";

export class HiddenRooms {
  readonly #storage: Store;
  readonly #key: string;
  /** Room → the last seq of the room at the time when the user left. */
  readonly #rooms: Map<RoomId, number>;

  constructor(storage: Store, user: UserId) {
    this.#storage = storage;
    this.#key = `roomcast:left:${user}`;
    this.#rooms = loadSeqs(storage, this.#key);
  }

  /** Return whether a room stays hidden; `seq` is the seq of its newest entry. */
  hides(room: RoomId, seq: number): boolean {
    const left = this.#rooms.get(room);
    return left !== undefined && (room.startsWith("public:") || seq <= left);
  }

  add(room: RoomId, seq: number): void {
    this.#rooms.set(room, seq);
    this.#save();
  }

  delete(room: RoomId): void {
    if (this.#rooms.delete(room)) this.#save();
  }

  #save(): void {
    saveSeqs(this.#storage, this.#key, this.#rooms);
  }
}
