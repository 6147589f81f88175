/** Who is there. The map is pure; `PresenceBook` keeps it current over a link. */

import { Emitter, type Undo } from "./emitter.ts";
import type { Link } from "./link.ts";
import { HEARTBEAT_SECONDS, MAX_LIST } from "./protocol.ts";
import type { Member, PresenceChange, PresenceInfo, Status, UserId } from "./protocol.ts";

export type PresenceMap = ReadonlyMap<UserId, PresenceInfo>;

export function presenceChanged(map: PresenceMap, changes: readonly PresenceChange[]): PresenceMap {
  const next = new Map(map);
  for (const { user, ...info } of changes) next.set(user, info);
  return next;
}

/** What a list of members says; it knows no `last_seen`, so a known one is kept. */
export function presenceOfMembers(map: PresenceMap, members: readonly Member[]): PresenceMap {
  const next = new Map(map);
  for (const { user, status } of members) next.set(user, { ...map.get(user), status });
  return next;
}

export class PresenceBook {
  readonly #link: Link;
  readonly #changed = new Emitter();
  #map: PresenceMap = new Map();
  #own: { status?: Status; note?: string } = {};
  #watched = new Set<UserId>();
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(link: Link) {
    this.#link = link;
    link.on("presence", ({ changes }) => this.#set(presenceChanged(this.#map, changes)));
  }

  get map(): PresenceMap {
    return this.#map;
  }

  /** One's own status as last set; `online` until then. */
  get ownStatus(): Status {
    return this.#own.status ?? "online";
  }

  get(user: UserId): PresenceInfo {
    return this.#map.get(user) ?? { status: "offline" };
  }

  subscribe(listener: () => void): Undo {
    return this.#changed.subscribe(listener);
  }

  /** Tells the others; kept over reconnects of this client. */
  async setStatus(status: Status, note?: string): Promise<void> {
    this.#own = { status, ...(note !== undefined ? { note } : {}) };
    this.#changed.emit();
    await this.#link.call("presence", this.#own);
  }

  /** Follows people outside the joined rooms, over reconnects too, until the returned function is called. */
  watch(users: UserId[]): Undo {
    for (const user of users) this.#watched.add(user);
    void this.#askWatched(users);
    return () => {
      for (const user of users) this.#watched.delete(user);
      if (this.#link.online) void this.#link.call("presence:unwatch", { users }).catch(() => {});
    };
  }

  /** Takes over what an answer says about a room's members. */
  learn(members: readonly Member[]): void {
    this.#set(presenceOfMembers(this.#map, members));
  }

  /** Starts (again) after every `ready`. */
  start(heartbeatSeconds = HEARTBEAT_SECONDS): void {
    this.stop();
    const beat = () => {
      if (this.#link.online) void this.#link.call("presence", this.#own).catch(() => {});
    };
    beat();
    this.#timer = setInterval(beat, heartbeatSeconds * 1000);
    if (this.#watched.size) void this.#askWatched([...this.#watched]);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #askWatched(users: UserId[]): Promise<void> {
    for (let at = 0; at < users.length; at += MAX_LIST) {
      const slice = users.slice(at, at + MAX_LIST);
      const answer = await this.#link.call("presence:watch", { users: slice }).catch(() => null);
      const changes = Object.entries(answer?.users ?? {}).map(([user, info]) => ({ user, ...info }));
      this.#set(presenceChanged(this.#map, changes));
    }
  }

  #set(map: PresenceMap): void {
    this.#map = map;
    this.#changed.emit();
  }
}
