/** Look after a stored room: what it says of itself, who belongs to it, who owns it, and its end. */

import type { Connection } from "./connection/connection.ts";
import { MAX_LIST } from "./protocol.ts";
import type { Answer, Member, Payload, RoomId, RoomInfo, UserId } from "./protocol.ts";

/** What changes about a room; what is left out stays. An empty topic or object takes away what is there. */
export type RoomChanges = Omit<Payload<"room:update">, "room">;

/** One stored room, from `Client.admin`. Each method rejects with a `RoomcastError`. */
export class RoomAdmin {
  readonly id: RoomId;
  readonly #connection: Connection;

  /** @internal */
  constructor(connection: Connection, id: RoomId) {
    this.#connection = connection;
    this.id = id;
  }

  /** Return what the room says of itself, and one's own role in it. */
  info(): Promise<RoomInfo> {
    return this.#connection.call("room:info", { room: this.id });
  }

  /** Rename the room, or describe it anew. Its members get `room` "updated". */
  update(changes: RoomChanges): Promise<Answer<"room:update">> {
    return this.#connection.call("room:update", { room: this.id, ...changes });
  }

  /** Yield the stored members of the room, whether present or not, page by page. */
  async *members(): AsyncGenerator<Member, void, undefined> {
    for (let after: string | undefined; ; ) {
      const payload = { room: this.id, stored: true, limit: MAX_LIST, ...(after !== undefined ? { after } : {}) };
      const page = await this.#connection.call("room:members", payload);
      yield* page.members;
      if (!page.more || page.after == null || page.after === after) return;
      after = page.after;
    }
  }

  /** Let a user enter, or give a member another role. */
  async invite(user: UserId, role: "admin" | "member" = "member"): Promise<void> {
    await this.#connection.call("room:invite", { room: this.id, user, role });
  }

  /** Take a user's membership away. */
  async remove(user: UserId): Promise<void> {
    await this.#connection.call("room:remove", { room: this.id, user });
  }

  /** Make another member the owner, and become an admin. */
  async transfer(user: UserId): Promise<void> {
    await this.#connection.call("room:transfer", { room: this.id, user });
  }

  /** End the room: its history and memberships are deleted, and everybody leaves it. */
  async close(): Promise<void> {
    await this.#connection.call("room:close", { room: this.id });
  }

  /** Leave the room for good, on all of one's devices. */
  async quit(): Promise<void> {
    await this.#connection.call("room:quit", { room: this.id });
  }
}
