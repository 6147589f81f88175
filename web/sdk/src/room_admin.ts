/** Manage a stored room: its description, members and owner; close it or quit it. */

import type { Connection } from "./connection/connection.ts";
import { MAX_LIST } from "./protocol/limits.ts";
import type { Answer, Payload } from "./protocol/client_events.ts";
import type { RoomId, UserId } from "./protocol/ids.ts";
import type { Member } from "./protocol/people.ts";
import type { RoomInfo } from "./protocol/rooms.ts";

/** The changes of a room. A field that is left out stays as it is; an empty topic or `data` deletes the old one. */
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

  /** Return the room's name, topic, data and owner, and the user's own role in it. */
  info(): Promise<RoomInfo> {
    return this.#connection.call("room:info", { room: this.id });
  }

  /** Change the room's name, topic or data. Its members get the event `room` with `change: "updated"`. */
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

  /** Make a user a member, or change a member's role. */
  async invite(user: UserId, role: "admin" | "member" = "member"): Promise<void> {
    await this.#connection.call("room:invite", { room: this.id, user, role });
  }

  /** End a user's membership. */
  async remove(user: UserId): Promise<void> {
    await this.#connection.call("room:remove", { room: this.id, user });
  }

  /** Make another member the owner. The former owner becomes an admin. */
  async transfer(user: UserId): Promise<void> {
    await this.#connection.call("room:transfer", { room: this.id, user });
  }

  /** Close the room: the server deletes its history and memberships, and all clients leave it. */
  async close(): Promise<void> {
    await this.#connection.call("room:close", { room: this.id });
  }

  /** End the user's own membership, on all devices. */
  async quit(): Promise<void> {
    await this.#connection.call("room:quit", { room: this.id });
  }
}
