/**
 * Join and leave one room, one request at a time.
 *
 * The latest call counts: the refusal of a join is not shown after a later `leave`, and a leave is not sent after a
 * later `join`.
 */

import { backoffMs, RECONNECT } from "./connection/backoff.ts";
import type { Connection } from "./connection/connection.ts";
import { RoomcastError } from "./errors.ts";
import type { RoomId } from "./protocol/ids.ts";

/** The functions of a room that its membership calls. */
export interface MembershipSteps {
  /** Join, and recover missed entries. */
  enter(): Promise<void>;
  /** Handle the server's refusal. */
  refused(error: RoomcastError): void;
}

/** Whether this client wants to be in a room, and whether it is; joins and leaves until both agree. */
export class Membership {
  readonly #room: RoomId;
  readonly #connection: Connection;
  readonly #steps: MembershipSteps;
  #isWanted = false;
  /** Whether another join or leave is due after the request under way. */
  #isStale = false;
  /** Whether this session may be joined on the server. */
  #isInside = false;
  #running: Promise<void> | null = null;
  #attempt = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(room: RoomId, connection: Connection, steps: MembershipSteps) {
    this.#room = room;
    this.#connection = connection;
    this.#steps = steps;
  }

  get isWanted(): boolean {
    return this.#isWanted;
  }

  /** Join, or join again to read what is missing. */
  join(): void {
    this.#isWanted = true;
    void this.#sync();
  }

  /** Leave. The promise settles once the leave was answered, or at once if there is nothing to send. */
  leave(): Promise<void> {
    this.#isWanted = false;
    return this.#sync();
  }

  /** Join again, to read missing entries. Does nothing if no join is wanted. */
  refresh(): void {
    if (this.#isWanted) void this.#sync();
  }

  /** Join again, because a new session has joined no room. Does nothing if no join is wanted. */
  onReady(): void {
    this.#isInside = false;
    this.#attempt = 0;
    this.refresh();
  }

  /** Stop joining, because the server has ended the membership. */
  end(): void {
    this.#isWanted = false;
    this.#isInside = false;
    this.#isStale = false;
    clearTimeout(this.#timer);
  }

  stop(): void {
    this.#isWanted = false;
    this.#isStale = false;
    clearTimeout(this.#timer);
  }

  #sync(): Promise<void> {
    clearTimeout(this.#timer);
    if (!this.#connection.online) return Promise.resolve();
    this.#isStale = true;
    this.#running ??= this.#run();
    return this.#running;
  }

  async #run(): Promise<void> {
    while (this.#isStale && this.#connection.online) {
      this.#isStale = false;
      await (this.#isWanted ? this.#enter() : this.#exit());
    }
    this.#running = null;
  }

  async #enter(): Promise<void> {
    this.#isInside = true;
    try {
      await this.#steps.enter();
      this.#attempt = 0;
    } catch (thrown) {
      this.#failed(RoomcastError.from(thrown));
    }
  }

  async #exit(): Promise<void> {
    if (!this.#isInside) return;
    this.#isInside = false;
    await this.#connection.call("room:leave", { room: this.#room }).catch(() => {});
  }

  #failed(error: RoomcastError): void {
    if (!this.#isWanted || this.#isStale || !this.#connection.online) return;
    // `conflict`: the connection or the room changed while the join was under way.
    if (!error.retryable && error.reason !== "conflict") {
      this.end();
      return this.#steps.refused(error);
    }
    const waitMs = backoffMs(this.#attempt++, Math.random(), RECONNECT, error.retryAfterMs);
    this.#timer = setTimeout(() => this.refresh(), waitMs);
  }
}
