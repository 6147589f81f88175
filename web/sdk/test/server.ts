/**
 * A Socket.IO server on a free port with one room log: enough of a gateway to drive the client through faults that a
 * real one produces rarely (a cut between append and ack, a lost message, a refusal on demand).
 */

import { createServer, type Server as HttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Server, type Socket } from "socket.io";
import type { Message, SendPayload } from "../src/protocol.ts";

type Ack = (answer: object) => void;

export class TestGateway {
  readonly http: HttpServer = createServer();
  readonly io: Server;
  log: Message[] = [];
  epoch = "epoch-one-000000";
  tokens: string[] = [];
  /** Payloads of every `message:send` that arrived, repeats included. */
  sends: SendPayload[] = [];
  joins: { since?: { seq: number } }[] = [];
  events: [string, unknown][] = [];
  /** Called before a send is handled; true means that it is dealt with. */
  onSend: (payload: SendPayload, ack: Ack, socket: Socket) => boolean = () => false;
  accepts: (token: string) => Error | null = () => null;
  pageSize = 3;

  constructor() {
    this.io = new Server(this.http, { pingInterval: 25_000 });
    this.io.use((socket, next) => {
      const token = String((socket.handshake.auth as { token?: unknown }).token);
      this.tokens.push(token);
      next(this.accepts(token) ?? undefined);
    });
    this.io.on("connection", (socket) => this.#serve(socket));
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

  /** Cuts every transport, as a dying gateway does. */
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

  #serve(socket: Socket): void {
    socket.onAny((event: string, payload: unknown) => this.events.push([event, payload]));
    socket.on("room:join", (payload, ack: Ack) => this.#join(socket, payload, ack));
    socket.on("message:send", (payload: SendPayload, ack: Ack) => this.#send(socket, payload, ack));
    socket.on("message:history", ({ before }: { before: number }, ack: Ack) => {
      const older = this.log.filter((message) => message.seq < before);
      ack({ ok: true, messages: older.slice(-this.pageSize), more: older.length > this.pageSize });
    });
    socket.on("presence", (_payload, ack: Ack) => ack({ ok: true, online_seconds: 60 }));
    socket.on("media:sign", (_payload, ack: Ack) =>
      ack({ ok: true, upload: "upload-1", method: "POST", url: "/x", expires: 0 }),
    );
    socket.on("media:complete", ({ upload }, ack: Ack) =>
      ack({ ok: true, media: { upload, url: "/f", type: "image/png", size: 3, name: "x" } }),
    );
    const limits = { message_bytes: 16384, upload_bytes: 1000 };
    const ready = { user: "ada", name: "Ada", session: socket.id, node: 1, server_time: Date.now(), limits };
    socket.emit("ready", { ...ready, heartbeat_seconds: 30, online_seconds: 60 });
  }

  #join(socket: Socket, payload: { room: string; since?: { seq: number; epoch: string } }, ack: Ack): void {
    this.joins.push(payload);
    void socket.join(payload.room);
    const { since } = payload;
    const recovered = since?.epoch === this.epoch;
    const missed = this.log.filter((message) => message.seq > (since?.seq ?? 0));
    const messages = recovered ? missed.slice(0, this.pageSize) : this.log.slice(-this.pageSize);
    const more = (recovered ? missed : this.log).length > this.pageSize;
    const seq = this.log.at(-1)?.seq ?? 0;
    const members = [{ user: "ada", name: "Ada", status: "online" }];
    ack({
      ok: true,
      room: payload.room,
      epoch: this.epoch,
      seq,
      recovered,
      messages,
      more,
      occupancy: 1,
      members,
      read: {},
    });
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

/** Waits for a condition, looking again after every turn of the loop; fails after `limitMs`. */
export async function until(condition: () => boolean, what: string, limitMs = 5000): Promise<void> {
  const deadline = Date.now() + limitMs;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`not within ${limitMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
