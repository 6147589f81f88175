/** Cache people's status notes. They are requested, because the answer to a join does not contain notes. */

import type { Client, PresenceInfo, Undo, UserId } from "@roomcast/sdk";
import { PerUserCache } from "./per_user_cache.ts";

export class StatusNotes {
  readonly #notes: PerUserCache<PresenceInfo>;

  constructor(client: Client) {
    this.#notes = new PerUserCache(async (users) => (await client.call("presence:query", { users })).users);
    client.on("presence", ({ changes }) => this.#notes.learn(changes.map(({ user, ...info }) => [user, info])));
    client.on("ready", () => this.#notes.expire());
  }

  of(user: UserId): string {
    return this.#notes.of(user)?.note ?? "";
  }

  /** Return when a person's note ends, in ms; undefined without an end. */
  untilOf(user: UserId): number | undefined {
    return this.#notes.of(user)?.until;
  }

  subscribe(listener: () => void): Undo {
    return this.#notes.subscribe(listener);
  }

  /** Request the notes of users not requested in this session. After a failure, the next call requests them again. */
  ask(users: readonly UserId[]): Promise<void> {
    return this.#notes.ask(users);
  }
}
