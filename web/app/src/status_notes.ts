/** Status notes that were written before this page came. The members in a room's answers carry the status alone. */

import { MAX_LIST, type Client, type PresenceInfo, type Undo, type UserId } from "@roomcast/sdk";

export class StatusNotes {
  readonly #client: Client;
  readonly #listeners = new Set<() => void>();
  readonly #notes = new Map<UserId, string>();
  readonly #asked = new Set<UserId>();

  constructor(client: Client) {
    this.#client = client;
    client.on("presence", ({ changes }) => this.#learn(changes.map(({ user, ...info }) => [user, info])));
    // Changes may have been missed while away.
    client.on("ready", () => this.#asked.clear());
  }

  of(user: UserId): string {
    return this.#notes.get(user) ?? "";
  }

  subscribe(listener: () => void): Undo {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Ask for the notes of people who were not asked for in this session; the next call makes up for a failure. */
  async ask(users: readonly UserId[]): Promise<void> {
    const fresh = users.filter((user) => !this.#asked.has(user));
    for (const user of fresh) this.#asked.add(user);
    for (let at = 0; at < fresh.length; at += MAX_LIST) {
      const page = fresh.slice(at, at + MAX_LIST);
      try {
        const answer = await this.#client.call("presence:query", { users: page });
        this.#learn(Object.entries(answer.users));
      } catch {
        for (const user of page) this.#asked.delete(user);
      }
    }
  }

  #learn(infos: readonly [UserId, PresenceInfo][]): void {
    for (const [user, { note }] of infos) {
      if (note) this.#notes.set(user, note);
      else this.#notes.delete(user);
    }
    for (const listener of this.#listeners) listener();
  }
}
