/**
 * Store the last seq that each public room had at the user's first visit. Messages up to that seq count as read.
 *
 * The server has no read mark for an empty room. Without the stored seq, each reload would count as the first visit.
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

  /** Return the room's last seq at the first visit. `seq`: the last seq now, stored if this is the first visit. */
  seqOf(room: RoomId, seq: number): number {
    const known = this.#seqs.get(room);
    // If the seq is lower than at the first visit, the room has a new log, in which no message was read.
    if (known !== undefined) return known <= seq ? known : 0;
    this.#seqs.set(room, seq);
    saveSeqs(this.#storage, this.#key, this.#seqs);
    return seq;
  }
}
