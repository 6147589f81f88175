/** Follow who is online, and tell our own status. The map is pure; `Presence` keeps it current over a connection. */

import { RESEND } from "./backoff.ts";
import type { Connection } from "./connection.ts";
import { Emitter, type Undo } from "./emitter.ts";
import { RoomcastError } from "./errors.ts";
import { HEARTBEAT_SECONDS, MAX_LIST } from "./protocol.ts";
import type { Member, PresenceChange, PresenceInfo, Status, UserId } from "./protocol.ts";
import { retrying } from "./retry.ts";

/** User → what is known about that user. */
export type PresenceMap = ReadonlyMap<UserId, PresenceInfo>;

export function presenceChanged(map: PresenceMap, changes: readonly PresenceChange[]): PresenceMap {
  const next = new Map(map);
  for (const { user, ...info } of changes) next.set(user, info);
  return next;
}

/** Take over a list of members. It holds no `last_seen`, so a known one is kept. */
export function presenceOfMembers(map: PresenceMap, members: readonly Member[]): PresenceMap {
  const next = new Map(map);
  for (const { user, status } of members) next.set(user, { ...map.get(user), status });
  return next;
}

const WATCH_ATTEMPTS = 3;

/** The presence of other people, and one's own status. */
export class Presence {
  readonly #connection: Connection;
  readonly #closing: AbortSignal;
  readonly #changed = new Emitter();
  #map: PresenceMap = new Map();
  #own: { status?: Status; note?: string } = {};
  /** User → how many watches name that user. */
  readonly #watches = new Map<UserId, number>();
  #timer: ReturnType<typeof setInterval> | undefined;

  /** @internal Use `Client.presence`. */
  constructor(connection: Connection, closing: AbortSignal) {
    this.#connection = connection;
    this.#closing = closing;
    connection.on("presence", ({ changes }) => this.#set(presenceChanged(this.#map, changes)));
  }

  /** What is known about everybody. */
  get map(): PresenceMap {
    return this.#map;
  }

  /** One's own status as set last; `online` until then. */
  get ownStatus(): Status {
    return this.#own.status ?? "online";
  }

  /** Return what is known about a user; `offline` when nothing is. */
  get(user: UserId): PresenceInfo {
    return this.#map.get(user) ?? { status: "offline" };
  }

  /** Call `listener` after every change, until the returned function is called. */
  subscribe(listener: () => void): Undo {
    return this.#changed.subscribe(listener);
  }

  /**
   * Set one's own status and note. They are kept over reconnects of this client.
   *
   * @throws RoomcastError when the server does not accept them. The status before stays, unless a retry may help.
   */
  async setStatus(status: Status, note?: string): Promise<void> {
    const before = this.#own;
    const own = { status, ...(note !== undefined ? { note } : {}) };
    this.#own = own;
    this.#changed.emit();
    try {
      await this.#connection.call("presence", own);
    } catch (thrown) {
      const error = RoomcastError.from(thrown);
      // A refused note would be refused again at every heartbeat.
      if (!error.retryable && this.#own === own) {
        this.#own = before;
        this.#changed.emit();
      }
      throw error;
    }
  }

  /**
   * Follow people who are in no joined room, over reconnects too, until the returned function is called.
   *
   * Several watches may name the same person; each one is undone by itself.
   */
  watch(users: UserId[]): Undo {
    let pending = [...new Set(users)];
    const fresh = pending.filter((user) => !this.#watches.has(user));
    for (const user of pending) this.#watches.set(user, (this.#watches.get(user) ?? 0) + 1);
    if (this.#connection.online) void this.#askWatched(fresh);
    return () => {
      const mine = pending;
      pending = [];
      this.#unwatch(mine);
    };
  }

  /** @internal Take over what an answer says about a room's members. */
  learn(members: readonly Member[]): void {
    if (members.length) this.#set(presenceOfMembers(this.#map, members));
  }

  /** @internal Start (again) after every `ready`. */
  start(heartbeatSeconds = HEARTBEAT_SECONDS): void {
    this.stop();
    const sendHeartbeat = () => {
      if (this.#connection.online) void this.#connection.call("presence", this.#own).catch(() => {});
    };
    sendHeartbeat();
    this.#timer = setInterval(sendHeartbeat, heartbeatSeconds * 1000);
    void this.#askWatched([...this.#watches.keys()]);
  }

  /** @internal */
  stop(): void {
    clearInterval(this.#timer);
  }

  #unwatch(users: UserId[]): void {
    for (const user of users) this.#watches.set(user, (this.#watches.get(user) ?? 1) - 1);
    const done = users.filter((user) => this.#watches.get(user) === 0);
    for (const user of done) this.#watches.delete(user);
    if (!this.#connection.online) return;
    for (const slice of slices(done)) void this.#connection.call("presence:unwatch", { users: slice }).catch(() => {});
  }

  /** What still fails is asked for again after the next `ready`. */
  async #askWatched(users: UserId[]): Promise<void> {
    for (const slice of slices(users)) {
      const ask = () => this.#connection.call("presence:watch", { users: slice });
      const answer = await retrying(ask, WATCH_ATTEMPTS, RESEND, this.#closing).catch(() => null);
      const changes = Object.entries(answer?.users ?? {}).map(([user, info]) => ({ user, ...info }));
      if (changes.length) this.#set(presenceChanged(this.#map, changes));
    }
  }

  #set(map: PresenceMap): void {
    this.#map = map;
    this.#changed.emit();
  }
}

/** Cut a list into parts that the protocol allows. */
function slices<T>(list: readonly T[]): T[][] {
  const count = Math.ceil(list.length / MAX_LIST);
  return Array.from({ length: count }, (_, index) => list.slice(index * MAX_LIST, (index + 1) * MAX_LIST));
}
