/** Cache one value per user. Users are requested from the server in batches, each user once per session. */

import { MAX_LIST, type Undo, type UserId } from "@roomcast/sdk";

/** Milliseconds for which calls of `want` are collected into one request. */
const GATHER_MS = 40;

export class PerUserCache<T> {
  readonly #read: (users: UserId[]) => Promise<Record<UserId, T>>;
  readonly #listeners = new Set<() => void>();
  readonly #known = new Map<UserId, T>();
  readonly #asked = new Set<UserId>();
  readonly #wanted = new Set<UserId>();

  /** @param read requests the values of at most 100 users; the answer may lack some users */
  constructor(read: (users: UserId[]) => Promise<Record<UserId, T>>) {
    this.#read = read;
  }

  of(user: UserId): T | undefined {
    return this.#known.get(user);
  }

  subscribe(listener: () => void): Undo {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Request the users that were not requested in this session. After a failure, the next call requests them again. */
  async ask(users: readonly UserId[]): Promise<void> {
    const fresh = users.filter((user) => !this.#asked.has(user));
    for (const user of fresh) this.#asked.add(user);
    for (let at = 0; at < fresh.length; at += MAX_LIST) {
      const page = fresh.slice(at, at + MAX_LIST);
      try {
        this.learn(Object.entries(await this.#read(page)));
      } catch {
        for (const user of page) this.#asked.delete(user);
      }
    }
  }

  /** Request a user after GATHER_MS, together with all users wanted by then. */
  want(user: UserId): void {
    if (this.#asked.has(user) || this.#wanted.has(user)) return;
    if (this.#wanted.size === 0) setTimeout(() => this.#askWanted(), GATHER_MS);
    this.#wanted.add(user);
  }

  learn(values: readonly (readonly [UserId, T])[]): void {
    for (const [user, value] of values) this.#known.set(user, value);
    for (const listener of this.#listeners) listener();
  }

  /** Let the next calls request all users again. Call it in a new session, because changes may have been missed. */
  expire(): void {
    this.#asked.clear();
  }

  #askWanted(): void {
    const users = [...this.#wanted];
    this.#wanted.clear();
    void this.ask(users);
  }
}
