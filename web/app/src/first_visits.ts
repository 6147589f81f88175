/**
 * How far each public room had come at our first visit. What was written before then counts as read.
 *
 * The server has no read mark of an empty room, so without this a first visit to it would begin anew at each reload.
 */

import type { RoomId, UserId } from "@roomcast/sdk";
import { loadSeqs, saveSeqs, type Store } from "./stored_seqs.ts";

export class FirstVisits {
  readonly #storage: Store;
  readonly #key: string;
  readonly #seqs: Map<RoomId, number>;

  constructor(storage: Store, user: UserId) {
    this.#storage = storage;
    this.#key = `roomcast:visited:${user}`;
    this.#seqs = loadSeqs(storage, this.#key);
  }

  /** Return the room's last seq at the first visit; `seq`, its last one now, if this is that visit. */
  seqOf(room: RoomId, seq: number): number {
    const known = this.#seqs.get(room);
    // A room that has fewer entries than at the first visit has begun anew.
    if (known !== undefined) return known <= seq ? known : 0;
    this.#seqs.set(room, seq);
    saveSeqs(this.#storage, this.#key, this.#seqs);
    return seq;
  }
}
