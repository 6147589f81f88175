/** Status notes that were written before this page came. The members in a room's answers carry the status alone. */

import type { Client, Undo, UserId } from "@roomcast/sdk";
import { KnownPeople } from "./known_people.ts";

export class StatusNotes {
  readonly #notes: KnownPeople<{ note?: string }>;

  constructor(client: Client) {
    this.#notes = new KnownPeople(async (users) => (await client.call("presence:query", { users })).users);
    client.on("presence", ({ changes }) => this.#notes.learn(changes.map(({ user, ...info }) => [user, info])));
    client.on("ready", () => this.#notes.expire());
  }

  of(user: UserId): string {
    return this.#notes.of(user)?.note ?? "";
  }

  subscribe(listener: () => void): Undo {
    return this.#notes.subscribe(listener);
  }

  /** Ask for the notes of people who were not asked for in this session; the next call makes up for a failure. */
  ask(users: readonly UserId[]): Promise<void> {
    return this.#notes.ask(users);
  }
}
