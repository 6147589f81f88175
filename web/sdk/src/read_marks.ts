/**
 * Send the user's read marks: at most one a second per room, each repeated until the server confirms it.
 *
 * An unconfirmed mark survives a reload. Marks only move forward on the server, so sending a mark twice is harmless.
 */

import { backoffMs, RECONNECT } from "./connection/backoff.ts";
import type { Connection } from "./connection/connection.ts";
import { RoomcastError } from "./errors.ts";
import { MarkStorage, type StoredMark } from "./unsent_storage.ts";
import type { RoomId } from "./protocol/ids.ts";

const EVERY_MS = 1_000;

/** The epoch of a mark that was set before the room was joined. */
export const UNKNOWN_EPOCH = "";

interface Mark extends StoredMark {
  attempts: number;
  /** Whether the mark is from an earlier session. The room's epoch may have changed since, so it is compared first. */
  isOld: boolean;
  timer?: ReturnType<typeof setTimeout> | undefined;
}

export class ReadMarks {
  readonly #connection: Connection;
  readonly #marks = new Map<RoomId, Mark>();
  #storage = new MarkStorage(null, "");

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /**
   * Load the marks in `storage`, and store unconfirmed marks there from now on. If this page has marks of another user,
   * they stay in the other user's storage, and this page does not send them.
   */
  restore(storage: MarkStorage): void {
    if (this.#storage.user !== "" && this.#storage.user !== storage.user) this.#dropAll();
    this.#storage = storage;
    for (const [room, mark] of storage.load()) {
      if (!this.#marks.has(room)) this.#marks.set(room, { ...mark, attempts: 0, isOld: true });
    }
    for (const [room, mark] of this.#marks) this.#save(room, mark);
  }

  /** Record that the user has read everything in `room` up to `seq`. */
  set(room: RoomId, seq: number, epoch: string): void {
    const known = this.#marks.get(room);
    if (known?.epoch === epoch && known.seq >= seq) return;
    const mark = { seq, epoch, attempts: 0, isOld: false, timer: known?.timer };
    this.#marks.set(room, mark);
    this.#save(room, mark);
    this.#schedule(room, EVERY_MS);
  }

  /** Send every unconfirmed mark again, in a new session. */
  onReady(): void {
    for (const [room, mark] of this.#marks) {
      mark.isOld = true;
      clearTimeout(mark.timer);
      mark.timer = undefined;
      this.#schedule(room, 0);
    }
  }

  /** Send unconfirmed marks a last time, without waiting for acks, because this client is about to close. */
  stop(): void {
    for (const [room, { seq, isOld, timer }] of this.#marks) {
      clearTimeout(timer);
      if (!isOld) this.#connection.drop("receipt:read", { room, seq });
    }
  }

  #dropAll(): void {
    for (const { timer } of this.#marks.values()) clearTimeout(timer);
    this.#marks.clear();
  }

  #schedule(room: RoomId, waitMs: number): void {
    const mark = this.#marks.get(room);
    if (!mark || mark.timer !== undefined) return;
    mark.timer = setTimeout(() => void this.#tell(room), waitMs);
  }

  async #tell(room: RoomId): Promise<void> {
    const mark = this.#marks.get(room);
    if (!mark) return;
    mark.timer = undefined;
    if (!this.#connection.online) return;
    try {
      if (mark.isOld && !(await this.#isCurrent(room, mark))) return this.#forget(room, mark);
      await this.#connection.call("receipt:read", { room, seq: mark.seq });
      this.#forget(room, mark);
    } catch (thrown) {
      const error = RoomcastError.from(thrown);
      if (!error.retryable) return this.#forget(room, mark);
      this.#schedule(room, backoffMs(mark.attempts++, Math.random(), RECONNECT, error.retryAfterMs));
    }
  }

  /** Return whether the room's log still has the epoch of this mark. */
  async #isCurrent(room: RoomId, mark: Mark): Promise<boolean> {
    if (mark.epoch === UNKNOWN_EPOCH) return true;
    const { epoch } = await this.#connection.call("message:history", { room, limit: 1 });
    return epoch === mark.epoch;
  }

  /** Delete this mark, unless a newer mark has replaced it. */
  #forget(room: RoomId, mark: Mark): void {
    if (this.#marks.get(room) !== mark) return;
    this.#marks.delete(room);
    this.#storage.delete(room);
  }

  #save(room: RoomId, { seq, epoch }: Mark): void {
    this.#storage.save(room, { seq, epoch });
  }
}
