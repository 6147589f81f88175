/** The composition of link, rooms, outbox and presence behind one object. */

import type { Undo } from "./emitter.ts";
import { Link, type ConnectionState, type LinkOptions } from "./link.ts";
import { OutboxStorage, type KeyValueStorage } from "./outbox.ts";
import { PresenceBook } from "./presence.ts";
import type {
  Answer,
  ClientEvent,
  Payload,
  Ready,
  RoomId,
  RoomSummary,
  ServerEvent,
  ServerEvents,
  UserId,
} from "./protocol.ts";
import { clampPage, Room } from "./room.ts";
import { Sender, type SenderOptions } from "./sender.ts";
import { refreshInMs } from "./token.ts";
import { Upload, xhrTransport, type FileTransport, type UploadOptions } from "./upload.ts";

export interface ConnectOptions extends LinkOptions, SenderOptions {
  /** Where unsent messages survive a reload; default `localStorage` where there is one, null for nowhere. */
  storage?: KeyValueStorage | null;
  /** Messages per page of history and recovery, 1 to 100; default 50. */
  pageSize?: number;
  fileTransport?: FileTransport;
}

/** Connects and stays connected until `close()`. Returns at once; follow `onState`. */
export function connect(options: ConnectOptions): Client {
  const client = new Client(options);
  client.link.connect();
  return client;
}

export class Client {
  readonly link: Link;
  readonly presence: PresenceBook;
  readonly #options: ConnectOptions;
  readonly #sender: Sender;
  readonly #rooms = new Map<RoomId, Room>();
  readonly #undos: Undo[];
  #self: { user: UserId; name: string } | null = null;
  #tokenTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: ConnectOptions) {
    this.#options = options;
    this.link = new Link({ ...options, token: () => this.#freshToken() });
    this.presence = new PresenceBook(this.link);
    this.#sender = new Sender(this.link, options);
    this.#undos = [...this.#route(), ...watchNetwork(this.link)];
  }

  get state(): ConnectionState {
    return this.link.state;
  }

  /** Who we are; null before the first `ready`. */
  get self(): { user: UserId; name: string } | null {
    return this.#self;
  }

  onState(listener: (state: ConnectionState) => void): Undo {
    return this.link.onState(listener);
  }

  on<E extends ServerEvent>(event: E, listener: (payload: ServerEvents[E]) => void): Undo {
    return this.link.on(event, listener);
  }

  call<E extends ClientEvent>(event: E, payload: Payload<E>, timeoutMs?: number): Promise<Answer<E>> {
    return this.link.call(event, payload, timeoutMs);
  }

  /** The room of this id; the same object every time. It is entered by its `join()`. */
  room(id: RoomId): Room {
    const known = this.#rooms.get(id);
    if (known) return known;
    const room = new Room(id, {
      link: this.link,
      sender: this.#sender,
      presence: this.presence,
      self: () => this.#self ?? { user: "", name: "" },
      pageSize: clampPage(this.#options.pageSize ?? 50),
      newId: () => crypto.randomUUID?.() ?? uuid(),
    });
    this.#rooms.set(id, room);
    return room;
  }

  async listRooms(): Promise<RoomSummary[]> {
    return (await this.call("room:list", {})).rooms;
  }

  /** Signs, sends and confirms a file. Send it with `room.send({media: await upload.done})`. */
  upload(room: RoomId, file: File, options?: UploadOptions): Upload {
    return new Upload(this.link, this.#options.fileTransport ?? xhrTransport, room, file, options);
  }

  close(): void {
    for (const undo of this.#undos) undo();
    for (const room of this.#rooms.values()) room.stop();
    clearTimeout(this.#tokenTimer);
    this.#sender.stop();
    this.presence.stop();
    this.link.close();
  }

  #route(): Undo[] {
    const { link } = this;
    const room = (id: RoomId) => this.#rooms.get(id);
    return [
      link.on("ready", (ready) => this.#onReady(ready)),
      link.on("message", (message) => room(message.room)?.onMessage(message)),
      link.on("typing", (sign) => room(sign.room)?.onTyping(sign.user, sign.typing)),
      link.on("receipt", (receipt) => room(receipt.room)?.onReceipt(receipt.user, receipt.seq)),
      link.on("resync", (sign) => room(sign.room)?.onResync()),
      link.on("room", (change) => room(change.room)?.onChange(change)),
      this.#sender.subscribe((id) => room(id)?.onDrafts()),
      this.#sender.onAcked((draft) => room(draft.room)?.onAcked(draft.seq ?? 0)),
    ];
  }

  #onReady(ready: Ready): void {
    const isFirst = this.#self === null;
    this.#self = { user: ready.user, name: ready.name || ready.user };
    if (isFirst) this.#restoreOutbox(ready.user);
    this.presence.start(ready.heartbeat_seconds);
    for (const room of this.#rooms.values()) room.onReady();
  }

  /** Drafts of an earlier page go out once their room is joined again. */
  #restoreOutbox(user: UserId): void {
    const { storage = defaultStorage() } = this.#options;
    this.#sender.restore(new OutboxStorage(storage, user), Date.now());
    for (const id of this.#sender.rooms()) this.room(id).join();
  }

  /** The token for a connect, and a timer to renew it on the open connection before it runs out. */
  async #freshToken(): Promise<string> {
    const token = await this.#options.token();
    clearTimeout(this.#tokenTimer);
    const waitMs = refreshInMs(token, Date.now());
    if (waitMs !== null) this.#tokenTimer = setTimeout(() => void this.#renew(), waitMs);
    return token;
  }

  async #renew(): Promise<void> {
    try {
      const token = await this.#freshToken();
      if (this.link.online) await this.call("auth:refresh", { token });
    } catch {
      // Not lost yet: the server closes the connection at expiry, and the reconnect asks for a token again.
      clearTimeout(this.#tokenTimer);
    }
  }
}

/** Back on the network or on the screen: no reason to sit out the rest of a wait. */
function watchNetwork(link: Link): Undo[] {
  if (typeof window === "undefined") return [];
  const hurry = () => void (link.state.phase === "waiting" && link.connect());
  const shown = () => void (document.visibilityState === "visible" && hurry());
  window.addEventListener("online", hurry);
  document.addEventListener("visibilitychange", shown);
  return [
    () => window.removeEventListener("online", hurry),
    () => document.removeEventListener("visibilitychange", shown),
  ];
}

function defaultStorage(): KeyValueStorage | null {
  try {
    return globalThis.localStorage ?? null;
  } catch {
    return null;
  }
}

/** A version 4 UUID (RFC 9562, 5.4); `crypto.randomUUID` is missing on pages without https. */
function uuid(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
