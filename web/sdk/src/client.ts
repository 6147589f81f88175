/** Put connection, rooms, outbox and presence together behind one object. */

import { Connection, type ConnectionOptions } from "./connection/connection.ts";
import type { ConnectionState } from "./connection/connection_state.ts";
import { CustomListeners } from "./custom_events.ts";
import type { Undo } from "./emitter.ts";
import { defaultStorage, newId } from "./connection/environment.ts";
import { userOf } from "./connection/token_claims.ts";
import { followNetwork } from "./connection/network.ts";
import { Inbox } from "./inbox.ts";
import { MarkStorage, OutboxStorage, type KeyValueStorage } from "./unsent_storage.ts";
import { clampPage } from "./payload_checks.ts";
import { Presence } from "./presence.ts";
import { MAX_LIST } from "./protocol/limits.ts";
import type { AppTypes, CustomEvent, CustomEventName, CustomEvents } from "./protocol/app_types.ts";
import type { Answer, ClientEvent, Payload } from "./protocol/client_events.ts";
import type { RoomId, UserId } from "./protocol/ids.ts";
import type { Profile } from "./protocol/people.ts";
import type { PublicRoom, RoomSummary } from "./protocol/rooms.ts";
import type { Ready, ServerEvent, ServerEvents } from "./protocol/server_events.ts";
import { ReadMarks } from "./read_marks.ts";
import { RoomAdmin } from "./room_admin.ts";
import { RoomCache, type RoomCacheOptions } from "./room_cache.ts";
import { Room } from "./room.ts";
import { Sender, type SenderOptions } from "./sender.ts";
import { TokenRenewal } from "./connection/token_renewal.ts";
import { platformTransport, Upload, type FileTransport, type UploadOptions } from "./upload.ts";

/** How to connect, and what to store in the browser. */
export interface ConnectOptions extends ConnectionOptions, SenderOptions {
  /**
   * The storage in which unsent messages survive a reload; default `localStorage` if there is one; null: none.
   *
   * A message is stored once its user is known: from `roomCache`, else from the first token.
   */
  storage?: KeyValueStorage | null;
  /**
   * Store the last state of rooms in IndexedDB, so that a page shows rooms at once and offline, with `state.stale`;
   * default off. `Client.signOut` deletes the stored rooms. Without IndexedDB the option has no effect.
   */
  roomCache?: RoomCacheOptions;
  /** Messages per page of history, 1 to 100; default 50. */
  pageSize?: number;
  /**
   * The kind of this device, for people who watch the user's devices: 1 to 16 characters of `a-z 0-9 -`, for example
   * `web`, `desktop` or `mobile`; default none. The server refuses a connect with an invalid kind.
   */
  deviceKind?: string;
  /** How the bytes of a file are sent; default XMLHttpRequest, or `fetch` where there is none. */
  fileTransport?: FileTransport;
}

/**
 * Connect, and stay connected until `close()`. Returns at once; `onState` tells what happens.
 *
 * Do not call it at the top level of a module: it would also connect on a server that renders the page, and again after
 * every hot reload.
 *
 * `A` declares the types that the application adds: `connect<{ messageData: { poll: string } }>(…)`. The server does
 * not check them: another client may have sent something else.
 */
export function connect<A extends AppTypes = AppTypes>(options: ConnectOptions): Client<A> {
  const client = new Client<A>(options);
  client.reconnect();
  return client;
}

/** One signed-in user of one page, from `connect`. */
export class Client<A extends AppTypes = AppTypes> {
  /** The presence of other users, and the user's own status. */
  readonly presence: Presence;
  /** The user's rooms and their unread counts. The list is loaded only while it is followed: see `Inbox.follow`. */
  readonly inbox: Inbox;
  readonly #connection: Connection;
  readonly #options: ConnectOptions;
  readonly #storage: KeyValueStorage | null;
  readonly #sender: Sender;
  readonly #readMarks: ReadMarks;
  readonly #renewal: TokenRenewal;
  readonly #cache: RoomCache | null;
  readonly #rooms = new Map<RoomId, Room<A>>();
  readonly #custom = new CustomListeners();
  readonly #closing = new AbortController();
  readonly #undos: Undo[];
  #self: { user: UserId; name: string } | null = null;

  /** @internal Use `connect`. */
  constructor(options: ConnectOptions) {
    this.#options = options;
    const kind = options.deviceKind === undefined ? {} : { kind: options.deviceKind };
    const { storage = defaultStorage() } = options;
    this.#storage = storage;
    const token = async () => this.#expectUserOf(await options.token());
    this.#connection = new Connection({ ...options, token }, () => ({ ...kind, ...this.presence.auth }));
    this.presence = new Presence(this.#connection, this.#closing.signal);
    this.inbox = new Inbox(this.#connection, clampPage(options.pageSize ?? 50), this.#closing.signal);
    this.#sender = new Sender(this.#connection, options);
    this.#readMarks = new ReadMarks(this.#connection);
    this.#cache = options.roomCache ? new RoomCache(options.roomCache) : null;
    if (options.roomCache) this.#sender.keepIn(new OutboxStorage(storage, options.roomCache.user));
    this.#renewal = new TokenRenewal(this.#connection, this.#connection.clock);
    this.#undos = [...this.#route(), followNetwork(this.#connection)];
  }

  /** The state of the connection. */
  get state(): ConnectionState {
    return this.#connection.state;
  }

  /** The signed-in user; null before the first sign-in. */
  get self(): { user: UserId; name: string } | null {
    return this.#self;
  }

  /** Call `listener` after every change of the connection, until the returned function is called. */
  onState(listener: (state: ConnectionState) => void): Undo {
    return this.#connection.onState(listener);
  }

  /** Call `listener` at every event of this name, until the returned function is called. */
  on<E extends ServerEvent>(event: E, listener: (payload: ServerEvents[E]) => void): Undo {
    return this.#connection.on(event, listener);
  }

  /**
   * Call `listener` at every custom event of this name that a back end sends to this user or to all users, until the
   * returned function is called. `Room.on` gets the events of a room.
   */
  onEvent<E extends CustomEventName<A>>(event: E, listener: (event: CustomEvent<CustomEvents<A>[E]>) => void): Undo {
    return this.#custom.on(event, listener as (event: CustomEvent) => void);
  }

  /**
   * Send any event of the protocol, and return what its ack adds to `{ok: true}`.
   *
   * @throws RoomcastError the server's refusal; `outcome_unknown` when no answer came in time (8 s by default) or the
   * connection ended meanwhile; `unavailable`, `bad_request` or `too_large` when nothing was sent
   */
  call<E extends ClientEvent>(event: E, payload: Payload<E>, timeoutMs?: number): Promise<Answer<E>> {
    return this.#connection.call(event, payload, timeoutMs);
  }

  /**
   * Connect now: skip the wait before the next attempt, or try again after the server refused the token. Does nothing
   * while online.
   *
   * In a browser the SDK calls it when the network is back and when the page becomes visible. In React Native, call it
   * when the app comes to the front.
   */
  reconnect(): void {
    this.#connection.connect();
  }

  /** Return the room with this id: the same object every time. `Room.join` joins it. */
  room(id: RoomId): Room<A> {
    const known = this.#rooms.get(id);
    if (known) return known;
    const room = new Room<A>(id, {
      connection: this.#connection,
      sender: this.#sender,
      presence: this.presence,
      readMarks: this.#readMarks,
      cache: this.#cache,
      self: () => this.#self ?? { user: "", name: "" },
      pageSize: clampPage(this.#options.pageSize ?? 50),
      newId,
      closing: this.#closing.signal,
    });
    this.#rooms.set(id, room);
    void this.#cache?.load(id).then((kept) => kept && room.restore(kept));
    return room;
  }

  /** Return all rooms on the user's list, by room id. */
  async listRooms(): Promise<RoomSummary[]> {
    const rooms: RoomSummary[] = [];
    for (let after: RoomId | undefined; ; ) {
      const page = await this.call("room:list", { limit: MAX_LIST, ...(after !== undefined ? { after } : {}) });
      rooms.push(...page.rooms);
      const next = page.after ?? page.rooms.at(-1)?.room;
      if (!page.more || next === undefined || next === after) return rooms;
      after = next;
    }
  }

  /**
   * Return the profiles of at most 100 users; unknown users are left out. The event `profile` announces changes. The
   * object has no prototype: a user id may be `constructor`.
   */
  async profiles(users: UserId[]): Promise<Record<UserId, Profile>> {
    const answer = await this.call("user:profiles", { users });
    return Object.assign<Record<UserId, Profile>, Record<UserId, Profile>>(Object.create(null), answer.users);
  }

  /** Find people whose names begin with `name` (at least two characters), for invitations. `limit` is at most 100. */
  async findPeople(name: string, limit = 20): Promise<(Profile & { user: UserId })[]> {
    return (await this.call("user:search", { name, limit })).people;
  }

  /** Yield the public rooms whose names begin with `query`, sorted by name. Pages are loaded as needed. */
  async *publicRooms(query = ""): AsyncGenerator<PublicRoom, void, undefined> {
    for (let after: string | undefined; ; ) {
      const page = await this.call("room:directory", {
        query,
        limit: MAX_LIST,
        ...(after !== undefined ? { after } : {}),
      });
      yield* page.rooms;
      if (!page.more || page.after === null || page.after === after) return;
      after = page.after;
    }
  }

  /** Return the administration of a stored room: rename, list and invite members, transfer, close, quit. */
  admin(id: RoomId): RoomAdmin {
    return new RoomAdmin(this.#connection, id);
  }

  /** Upload a file: sign, send and confirm it. Then send a message with it: `room.send({media: await upload.done})`. */
  upload(room: RoomId, file: File, options?: UploadOptions): Upload {
    const transport = this.#options.fileTransport ?? platformTransport();
    return new Upload({ connection: this.#connection, transport, closing: this.#closing.signal }, room, file, options);
  }

  /** End the connection for good and stop every timer. Unsent messages stay in the storage for the next page. */
  close(): void {
    if (this.#closing.signal.aborted) return;
    this.#readMarks.stop();
    this.#closing.abort();
    for (const undo of this.#undos) undo();
    for (const room of this.#rooms.values()) room.stop();
    this.#cache?.close();
    this.#renewal.stop();
    this.#sender.stop();
    this.presence.stop();
    this.#connection.close();
  }

  /**
   * End the connection for good, and delete the user's rooms from the room cache.
   *
   * Unsent messages stay in the storage for the user's next visit, as with `close`.
   */
  async signOut(): Promise<void> {
    const cleared = this.#cache?.clear();
    this.close();
    await cleared;
  }

  #route(): Undo[] {
    const connection = this.#connection;
    const room = (id: RoomId) => this.#rooms.get(id);
    return [
      connection.on("ready", (ready) => this.#onReady(ready)),
      connection.on("message", (message) => room(message.room)?.onMessage(message)),
      connection.on("typing", ({ room: id, user, typing }) => room(id)?.onTyping(user, typing)),
      connection.on("receipt", ({ room: id, user, seq }) => room(id)?.onReceipt(user, seq)),
      connection.on("custom", (event) =>
        event.room === undefined ? this.#custom.receive(event) : room(event.room)?.onCustom(event),
      ),
      connection.on("resync", ({ room: id }) => room(id)?.onResync()),
      connection.on("room", (change) => room(change.room)?.onChange(change)),
      connection.on("profile", ({ user, name }) => this.#onRenamed(user, name)),
      this.#sender.subscribe((id) => room(id)?.onDrafts()),
      this.#sender.onAcked((draft) => room(draft.room)?.onAcked(draft.seq ?? 0)),
    ];
  }

  #onReady(ready: Ready): void {
    const isOther = this.#self?.user !== ready.user;
    this.#self = { user: ready.user, name: ready.name || ready.user };
    if (isOther) this.#restore(ready.user);
    if (this.#cache && this.#cache.user !== ready.user) this.#stopKeeping();
    this.#renewal.start();
    this.presence.start(ready.heartbeat_seconds);
    this.#readMarks.onReady();
    this.inbox.onReady();
    for (const room of this.#rooms.values()) room.onReady();
  }

  #onRenamed(user: UserId, name: string): void {
    for (const room of this.#rooms.values()) room.onRenamed(user, name);
    if (user !== this.#self?.user) return;
    this.#self = { user, name };
    this.#connection.renamed(name);
  }

  /** Stop the room cache and hide the rooms shown from it, because the token names a user other than the cache's. */
  #stopKeeping(): void {
    this.#cache?.close();
    for (const room of this.#rooms.values()) room.dropKept();
  }

  /**
   * Before the first sign-in, store unsent messages for the user whom this token names. Return the token.
   *
   * A token that arrives after `close` may name the next user of the page, who has not written the messages.
   */
  #expectUserOf(token: string): string {
    const user = this.#self === null && !this.#closing.signal.aborted ? userOf(token) : null;
    if (user !== null) this.#sender.keepIn(new OutboxStorage(this.#storage, user));
    return token;
  }

  /** Load the drafts and read marks that an earlier page load left unsent, and join the rooms of the drafts. */
  #restore(user: UserId): void {
    this.#sender.keepIn(new OutboxStorage(this.#storage, user));
    this.#sender.restore(this.#connection.clock.now());
    this.#readMarks.restore(new MarkStorage(this.#storage, user));
    for (const id of this.#sender.rooms()) this.room(id).join();
  }
}
