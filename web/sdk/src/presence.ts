/** Follow other users' presence, and send the own status. The functions on maps are pure; `Presence` has the I/O. */

import { RESEND } from "./connection/backoff.ts";
import type { Connection } from "./connection/connection.ts";
import { Emitter, type Undo } from "./emitter.ts";
import { RoomcastError } from "./errors.ts";
import { HEARTBEAT_SECONDS, MAX_LIST } from "./protocol/limits.ts";
import { STATUSES } from "./protocol/people.ts";
import type { UserId } from "./protocol/ids.ts";
import type { Member, PresenceChange, PresenceInfo, Status } from "./protocol/people.ts";
import { retrying } from "./connection/retry.ts";

/** User → the last known presence of that user. */
export type PresenceMap = ReadonlyMap<UserId, PresenceInfo>;

export function presenceChanged(map: PresenceMap, changes: readonly PresenceChange[]): PresenceMap {
  const next = new Map(map);
  for (const { user, ...info } of changes) next.set(user, { ...devicesKept(next.get(user), info), ...info });
  return next;
}

/** Return the known devices if a change lists none. A change for the members of a room never lists devices. */
function devicesKept(
  known: PresenceInfo | undefined,
  { status, devices }: PresenceInfo,
): Pick<PresenceInfo, "devices"> {
  if (devices !== undefined || known?.devices === undefined) return {};
  return { devices: status === "offline" ? [] : known.devices };
}

/** Apply a list of members. The list has no `last_seen`, so a known value is kept. */
export function presenceOfMembers(map: PresenceMap, members: readonly Member[]): PresenceMap {
  const next = new Map(map);
  for (const { user, status } of members) next.set(user, { ...map.get(user), status });
  return next;
}

const WATCH_ATTEMPTS = 3;

/** The status and note of this client's user. */
interface OwnPresence {
  readonly status?: Status;
  readonly note?: string;
  readonly until?: number;
}

/** Return `own` without a note that has ended. */
function lasting(own: OwnPresence, now: number): OwnPresence {
  if (own.until === undefined || own.until > now) return own;
  return own.status ? { status: own.status } : {};
}

/** How to watch people. */
export interface WatchOptions {
  /** Whether to follow each device of the watched people, too: `PresenceInfo.devices`. */
  devices?: boolean;
}

/** The longest wait that `setTimeout` supports, in milliseconds. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** The presence of other users, and the own status. */
export class Presence {
  readonly #connection: Connection;
  readonly #closing: AbortSignal;
  readonly #changed = new Emitter();
  #map: PresenceMap = new Map();
  /** The status and note that the user chose in this client; empty until then. */
  #own: OwnPresence = {};
  /** The last value of `#own` that the server has accepted. */
  #accepted = this.#own;
  /** This session's status on the server: the user may have chosen it on another device or page. */
  #remembered: Status = "online";
  #rememberedNote = "";
  #rememberedUntil: number | undefined;
  /** User → how many watches name that user. */
  readonly #watches = new Map<UserId, number>();
  /** User → how many of these watches ask for devices. */
  readonly #detailed = new Map<UserId, number>();
  #timer: ReturnType<typeof setInterval> | undefined;
  #noteTimer: ReturnType<typeof setTimeout> | undefined;

  /** @internal Use `Client.presence`. */
  constructor(connection: Connection, closing: AbortSignal) {
    this.#connection = connection;
    this.#closing = closing;
    connection.on("presence", ({ changes }) => this.#set(presenceChanged(this.#map, changes)));
  }

  /** The known presence of all users. */
  get map(): PresenceMap {
    return this.#map;
  }

  /** The own status: as chosen here, or as the server remembers it. */
  get ownStatus(): Status {
    return this.#own.status ?? this.#remembered;
  }

  /** The own note: as written here, or as the server remembers it; empty if there is none or it has ended. */
  get ownNote(): string {
    return this.#note.note ?? "";
  }

  /** When the own note ends, in milliseconds since 1970; undefined without an end. */
  get ownUntil(): number | undefined {
    return this.#note.until;
  }

  get #note(): OwnPresence {
    const remembered = { note: this.#rememberedNote, until: this.#rememberedUntil };
    const { note, until } = this.#own.note === undefined ? remembered : this.#own;
    return lasting({ note, until }, this.#connection.clock.now());
  }

  /** Return the known presence of a user; `offline` for an unknown user. */
  get(user: UserId): PresenceInfo {
    return this.#map.get(user) ?? { status: "offline" };
  }

  /** Call `listener` after every change, until the returned function is called. */
  subscribe(listener: () => void): Undo {
    return this.#changed.subscribe(listener);
  }

  /**
   * Set the own status, and the own note unless `note` is left out. Both are kept over reconnects of this client.
   *
   * @param until when the note ends, in milliseconds since 1970, up to 366 days ahead; without it the note has no end
   * @throws RoomcastError when the server does not accept the status, or `until` lies in the past. After an error that
   * is not retryable the earlier status applies again. After any other error the client sends the new status again,
   * with the next heartbeat or connect.
   */
  async setStatus(status: Status, note?: string, until?: number): Promise<void> {
    if (!STATUSES.includes(status)) throw RoomcastError.of("bad_request", `there is no status ${String(status)}`);
    const now = this.#connection.clock.now();
    if (until !== undefined && !(until > now)) {
      throw RoomcastError.of("bad_request", "`until` lies in the past; it is in milliseconds since 1970");
    }
    const before = lasting(this.#own, now);
    this.#own = note === undefined ? { ...before, status } : { status, note, ...(until !== undefined && { until }) };
    this.#changed.emit();
    this.#awaitEnd();
    await this.#tell();
  }

  /**
   * @internal Return the status to send with a connect, so that no user sees the session with another status.
   *
   * A note that the server has not accepted yet is left out: a gateway that refuses it would refuse the connect.
   */
  get auth(): OwnPresence {
    if (this.#own === this.#accepted) return lasting(this.#own, this.#connection.clock.now());
    return this.#own.status ? { status: this.#own.status } : {};
  }

  /**
   * Follow users who need not be in a joined room, also over reconnects, until the returned function is called.
   *
   * Several watches may name the same user; each watch is undone by its own function.
   */
  watch(users: UserId[], { devices = false }: WatchOptions = {}): Undo {
    let pending = [...new Set(users)];
    const known = devices ? this.#detailed : this.#watches;
    const fresh = pending.filter((user) => !known.has(user));
    for (const user of pending) {
      addTo(this.#watches, user);
      if (devices) addTo(this.#detailed, user);
    }
    if (this.#connection.online) void this.#askWatched(fresh, devices);
    return () => {
      const mine = pending;
      pending = [];
      this.#unwatch(mine, devices);
    };
  }

  /** @internal Apply the presence in a list of a room's members. */
  learn(members: readonly Member[]): void {
    if (members.length) this.#set(presenceOfMembers(this.#map, members));
  }

  /** @internal Start the heartbeat and the watches, after every `ready`. */
  start(heartbeatSeconds = HEARTBEAT_SECONDS): void {
    this.stop();
    const sendHeartbeat = () => {
      if (this.#connection.online) void this.#tell().catch(() => {});
    };
    sendHeartbeat();
    this.#timer = setInterval(sendHeartbeat, heartbeatSeconds * 1000);
    void this.#askWatched([...this.#watches.keys()].filter((user) => !this.#detailed.has(user)));
    void this.#askWatched([...this.#detailed.keys()], true);
  }

  /** @internal */
  stop(): void {
    clearInterval(this.#timer);
    clearTimeout(this.#noteTimer);
  }

  /** Send a heartbeat, with the own status if the server has not accepted it yet. */
  async #tell(): Promise<void> {
    const own = this.#own;
    try {
      const fresh = own === this.#accepted ? {} : lasting(own, this.#connection.clock.now());
      const { status, note, until } = await this.#connection.call("presence", fresh);
      this.#accepted = own;
      this.#remember(status, note, until);
    } catch (thrown) {
      const error = RoomcastError.from(thrown);
      // The server would refuse this status at every heartbeat: go back to the accepted one.
      if (!error.retryable && this.#own === own && own !== this.#accepted) {
        this.#own = this.#accepted;
        this.#changed.emit();
      }
      throw error;
    }
  }

  #remember(status: Status = this.#remembered, note: string = this.#rememberedNote, until?: number): void {
    const isSame = note === this.#rememberedNote && until === this.#rememberedUntil;
    if (status === this.#remembered && isSame) return this.#awaitEnd();
    this.#remembered = status;
    this.#rememberedNote = note;
    this.#rememberedUntil = until;
    this.#changed.emit();
    this.#awaitEnd();
  }

  /** Emit a change when the own note ends. If the end is beyond MAX_TIMER_MS, a later heartbeat sets the timer. */
  #awaitEnd(): void {
    clearTimeout(this.#noteTimer);
    const { until } = this.#note;
    const wait = until === undefined ? Infinity : until - this.#connection.clock.now();
    if (wait <= MAX_TIMER_MS) this.#noteTimer = setTimeout(() => this.#changed.emit(), wait);
  }

  #unwatch(users: UserId[], devices: boolean): void {
    const done = users.filter((user) => takeFrom(this.#watches, user));
    if (devices) for (const user of users) takeFrom(this.#detailed, user);
    if (!this.#connection.online) return;
    for (const slice of slices(done)) void this.#connection.call("presence:unwatch", { users: slice }).catch(() => {});
  }

  /** Watch users on the server, and apply the answers. Failed requests are repeated after the next `ready`. */
  async #askWatched(users: UserId[], devices = false): Promise<void> {
    for (const slice of slices(users)) {
      const ask = () => this.#connection.call("presence:watch", { users: slice, ...(devices && { devices }) });
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

function addTo(counts: Map<UserId, number>, user: UserId): void {
  counts.set(user, (counts.get(user) ?? 0) + 1);
}

/** Decrement a user's count; return whether it has reached 0. */
function takeFrom(counts: Map<UserId, number>, user: UserId): boolean {
  const left = (counts.get(user) ?? 0) - 1;
  if (left > 0) counts.set(user, left);
  else counts.delete(user);
  return left === 0;
}

/** Split a list into parts of at most MAX_LIST entries. */
function slices<T>(list: readonly T[]): T[][] {
  const count = Math.ceil(list.length / MAX_LIST);
  return Array.from({ length: count }, (_, index) => list.slice(index * MAX_LIST, (index + 1) * MAX_LIST));
}
