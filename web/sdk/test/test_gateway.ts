/**
 * Run a Socket.IO server on a free port with one room log. It can produce faults that are rare with a real gateway:
 * a connection that is lost between append and ack, a lost message, any refusal.
 */

import { createServer, type Server as HttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Server, type Socket } from "socket.io";
import { CODES, type Reason } from "../src/errors.ts";
import type { Message, SendPayload } from "../src/protocol/messages.ts";
import type { InboxRoom } from "../src/protocol/rooms.ts";

type Json = Record<string, unknown>;
export type Ack = (answer: object) => void;

/** Return a negative ack. */
export function refusal(reason: Reason, more: object = {}): Json {
  return { ok: false, error: { ...CODES[reason], reason, ...more } };
}

interface JoinPayload {
  room: string;
  since?: { seq: number; epoch: string };
  replay?: boolean;
}

export class TestGateway {
  readonly http: HttpServer = createServer();
  readonly io: Server;
  log: Message[] = [];
  epoch = "epoch-one-000000";
  /** The user whom `ready` names. */
  user = "ada";
  tokens: string[] = [];
  /** The fields that were sent with the token at each connect. */
  auths: Json[] = [];
  /** The reconnect ticket in the query of each connect. `ready` issues "ticket-1", "ticket-2" and so on. */
  tickets: (string | undefined)[] = [];
  /** The payload of each `message:send` that arrived, including repetitions. */
  sends: SendPayload[] = [];
  joins: JoinPayload[] = [];
  events: [string, unknown][] = [];
  /** Called before a send is handled. It returns whether the test has handled the send. */
  onSend: (payload: SendPayload, ack: Ack, socket: Socket) => boolean = () => false;
  /** Called before any other acked event is handled. Returns an ack to send instead of the usual one; null: send none. */
  onEvent: (event: string, payload: Json) => Json | null | undefined = () => undefined;
  /** Whether joins with `replay` are answered in the replay form. */
  knowsReplay = false;
  /** The server's time in `ready`. */
  serverTime: () => number = () => Date.now();
  limits: Record<string, number> = { message_bytes: 16384, upload_bytes: 1000, payload_bytes: 100_000 };
  rooms: string[] = [];
  /** The read marks in answers to joins. */
  read: Record<string, number> = {};
  /** The lines of the inbox, the latest activity first. */
  inbox: InboxRoom[] = [];
  accepts: (token: string) => Error | null = () => null;
  /** Entries per page of history and recovery, instead of the limit in the request. */
  pageSize = 3;

  constructor() {
    this.io = new Server(this.http, { pingInterval: 25_000 });
    this.io.use((socket, next) => {
      const { token: given, ...more } = socket.handshake.auth;
      const token = String(given);
      this.auths.push(more);
      this.tickets.push(socket.handshake.query.ticket as string | undefined);
      this.tokens.push(token);
      next(this.accepts(token) ?? undefined);
    });
    this.io.on("connection", (socket) => this.#serve(socket));
    // Engine.IO would wait 30 s for a polling client that has gone, and the test process would not end.
    this.io.engine.on("connection", ({ transport }: { transport: object }) =>
      Object.assign(transport, { closeTimeout: 100 }),
    );
  }

  async listen(port = 0): Promise<this> {
    await new Promise<void>((resolve) => this.http.listen(port, "127.0.0.1", resolve));
    return this;
  }

  get port(): number {
    return (this.http.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async close(): Promise<void> {
    this.io.disconnectSockets(true);
    await this.io.close();
  }

  /** Close every transport, as a gateway does that stops. */
  cut(): void {
    for (const socket of this.io.of("/").sockets.values()) socket.conn.close();
  }

  append(part: Partial<Message>): Message {
    const seq = (this.log.at(-1)?.seq ?? 0) + 1;
    const base = { room: "public:lobby", seq, epoch: this.epoch, time: Date.now(), id: `log-${seq}` };
    const message: Message = { ...base, user: "bob", name: "Bob", kind: "text", text: `text ${seq}`, ...part };
    this.log.push(message);
    return message;
  }

  say(part: Partial<Message> = {}): void {
    this.io.to("public:lobby").emit("message", this.append(part));
  }

  /** Return the payloads of every event of this name that has arrived. */
  payloads(event: string): Json[] {
    return this.events.filter(([name]) => name === event).map(([, payload]) => payload as Json);
  }

  #serve(socket: Socket): void {
    socket.onAny((event: string, payload: unknown) => this.events.push([event, payload]));
    this.#answer(socket, "room:join", (payload) => this.#join(socket, payload as unknown as JoinPayload));
    socket.on("message:send", (payload: SendPayload, ack: Ack) => this.#send(socket, payload, ack));
    this.#answer(socket, "message:history", ({ before }) => {
      const older = this.log.filter((message) => message.seq < ((before as number | undefined) ?? Infinity));
      const more = older.length > this.pageSize;
      return { messages: older.slice(-this.pageSize), more, epoch: this.epoch, seq: this.log.at(-1)?.seq ?? 0 };
    });
    this.#answer(socket, "presence", () => ({ online_seconds: 60 }));
    this.#answer(socket, "presence:watch", ({ users }) => ({
      users: Object.fromEntries((users as string[]).map((user) => [user, { status: "online" }])),
    }));
    this.#answer(socket, "presence:query", () => ({ users: {} }));
    this.#answer(socket, "presence:unwatch", () => ({ users: {} }));
    this.#answer(socket, "room:leave", ({ room }) => {
      void socket.leave(room as string);
      return {};
    });
    this.#answer(socket, "room:list", ({ after, limit }) => this.#list(after as string | undefined, limit as number));
    this.#answer(socket, "inbox:list", (payload) => this.#inboxPage(payload as { after?: string; limit: number }));
    this.#answer(socket, "receipt:read", () => ({}));
    this.#answer(socket, "user:profiles", () => ({ users: {} }));
    this.#answer(socket, "auth:refresh", () => ({ expires: 0 }));
    this.#answer(socket, "media:sign", () => ({ upload: "upload-1", method: "POST", url: "/x", expires: 0 }));
    this.#answer(socket, "media:complete", ({ upload }) => ({
      media: { upload, url: "/f", type: "image/png", size: 3, name: "x" },
    }));
    const ready = { user: this.user, name: "Ada", session: socket.id, node: 1, server_time: this.serverTime() };
    const ticket = `ticket-${this.tickets.length}`;
    socket.emit("ready", { ...ready, limits: this.limits, heartbeat_seconds: 30, online_seconds: 60, ticket });
  }

  #answer(socket: Socket, event: string, handle: (payload: Json) => Json): void {
    socket.on(event, (payload: Json, ack?: Ack) => {
      const answer = this.onEvent(event, payload);
      if (answer !== null) ack?.(answer ?? { ok: true, ...handle(payload) });
    });
  }

  #list(after: string | undefined, limit: number): Json {
    const left = [...this.rooms].sort().filter((room) => after === undefined || room > after);
    const rooms = left.slice(0, limit).map((room) => ({ room, name: null, seq: 0, unread: 0, last: null }));
    const more = left.length > limit;
    return { rooms, more, after: more ? rooms.at(-1)?.room : null };
  }

  #inboxPage({ after, limit }: { after?: string; limit: number }): Json {
    const start = after === undefined ? 0 : Number(after);
    const more = this.inbox.length > start + limit;
    const total = (key: "unread" | "mentions") => this.inbox.reduce((sum, row) => sum + row[key], 0);
    const totals = { unread: total("unread"), mentions: total("mentions") };
    return { rooms: this.inbox.slice(start, start + limit), more, after: more ? `${start + limit}` : null, ...totals };
  }

  #join(socket: Socket, payload: JoinPayload): Json {
    this.joins.push(payload);
    void socket.join(payload.room);
    const { since } = payload;
    const recovered = since?.epoch === this.epoch;
    const missed = this.log.filter((message) => message.seq > (since?.seq ?? 0));
    const isReplay = this.knowsReplay && payload.replay === true;
    const limit = isReplay && recovered ? Infinity : this.pageSize;
    const page = recovered ? missed.slice(0, limit) : this.log.slice(-limit);
    // In the replay form the ack is sent first, and the entries follow at once.
    const replay = () => {
      for (const message of page) socket.emit("message", message);
    };
    if (isReplay) queueMicrotask(replay);
    return {
      room: payload.room,
      epoch: this.epoch,
      seq: this.log.at(-1)?.seq ?? 0,
      recovered,
      messages: isReplay ? [] : page,
      more: !isReplay && (recovered ? missed : this.log).length > this.pageSize,
      occupancy: 1,
      members: [{ user: "ada", name: "Ada", status: "online" }],
      read: this.read,
    };
  }

  #send(socket: Socket, payload: SendPayload, ack: Ack): void {
    this.sends.push(payload);
    if (this.onSend(payload, ack, socket)) return;
    const known = this.log.find((message) => message.id === payload.id);
    const message = known ?? this.append({ id: payload.id, user: "ada", name: "Ada", text: payload.text });
    if (!known) this.io.to(payload.room).emit("message", message);
    ack({ ok: true, seq: message.seq, time: message.time, duplicate: known !== undefined });
  }
}

/** Wait for a condition, and check it every 5 ms; fail after `limitMs`. */
export async function until(condition: () => boolean, what: string, limitMs = 5000): Promise<void> {
  // Tests replace the usual clocks, but not this one.
  const nowMs = () => Number(process.hrtime.bigint() / 1_000_000n);
  const deadline = nowMs() + limitMs;
  while (!condition()) {
    if (nowMs() > deadline) throw new Error(`not within ${limitMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
