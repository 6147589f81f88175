/**
 * Keep one connection to the gateways: sign in, call events and await their acks, reconnect after a loss.
 *
 * The SDK reconnects by itself instead of leaving that to socket.io-client, for two reasons. It waits for a server's
 * Retry-After. And after a refusal that may be temporary it tries again; socket.io-client would give up.
 */

import { io, type Socket } from "socket.io-client";
import { backoffMs, MOVED, RECONNECT, type BackoffPolicy } from "./backoff.ts";
import { ServerClock } from "./clock.ts";
import { NOT_CONNECTED, type ConnectionState } from "./connection_state.ts";
import { Emitter, type Undo } from "../emitter.ts";
import { isNode, keepAlive } from "./environment.ts";
import { RoomcastError, type Reason } from "../errors.ts";
import { handshakeOf } from "./handshake_abort.ts";
import { connectHint } from "./connect_hint.ts";
import { blameOf } from "../disconnect_cause.ts";
import { DEFAULT_LIMITS, payloadFault } from "../payload_checks.ts";
import { CLIENT_EVENTS } from "../protocol/client_events.ts";
import { SERVER_EVENTS } from "../protocol/server_events.ts";
import type { Answer, ClientEvent, Payload } from "../protocol/client_events.ts";
import type { Limits } from "../protocol/limits.ts";
import type { Ready, ServerEvent, ServerEvents } from "../protocol/server_events.ts";
import { accepted, refusalOf, retryAfterOf } from "./server_answers.ts";
import { Tokens, type TokenSource } from "./token_source.ts";
import { TransportOrder, type Transport } from "./transports.ts";

/** Where to connect, with which tokens, and with which timeouts. */
export interface ConnectionOptions {
  /** The address of the gateways, or of the proxy in front of them: `https://chat.example.com`. */
  url: string;
  token: TokenSource;
  /** The path of the gateways' socket; default `/socket.io/`. */
  path?: string;
  /** The transports to use, the preferred one first; default WebSocket, then polling. */
  transports?: readonly Transport[];
  /** How long a WebSocket may take to open before polling is tried instead, in milliseconds; default 5,000. */
  websocketOpenMs?: number;
  /** The waits between two attempts to connect. */
  backoff?: BackoffPolicy;
  /** How long to wait for an ack, in milliseconds; default 8,000. */
  ackTimeoutMs?: number;
  /** How long to wait for `ready` on an open transport, in milliseconds; default 10,000. */
  readyTimeoutMs?: number;
}

const ACK_MS = 8_000;
const READY_MS = 10_000;

/** How many times the client fetches another token after a refusal before it gives up. */
const MAX_REFUSALS = 2;

export class Connection {
  readonly clock = new ServerClock();
  readonly tokens: Tokens;
  readonly #options: ConnectionOptions;
  readonly #auth: () => object;
  readonly #socket: Socket;
  readonly #transports: TransportOrder;
  readonly #states = new Emitter<ConnectionState>();
  readonly #losses = new Emitter<Reason | null>();
  readonly #events = new Map<ServerEvent, Emitter<never>>();
  #state = NOT_CONNECTED;
  #isAttempting = false;
  #attempts = 0;
  #refusals = 0;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #readyTimer: ReturnType<typeof setTimeout> | undefined;
  /** Undoes `keepAlive`, which keeps a Node process alive from `connect` until `close` or a final refusal. */
  #release: Undo = () => {};

  /** @param auth returns the fields to send with the token at a connect */
  constructor(options: ConnectionOptions, auth: () => object = () => ({})) {
    this.#options = options;
    this.#auth = auth;
    this.tokens = new Tokens(options.token);
    this.#transports = new TransportOrder(options.transports, options.websocketOpenMs);
    this.#socket = io(options.url, {
      path: options.path ?? "/socket.io/",
      tryAllTransports: true,
      reconnection: false,
      forceNew: true,
      autoConnect: false,
      // A request that a server never answers must not keep a Node process alive after `close`.
      autoUnref: isNode(),
    });
    this.#listen();
  }

  get state(): ConnectionState {
    return this.#state;
  }

  get online(): boolean {
    return this.#state.phase === "online";
  }

  /** The limits of the gateway, or those of the protocol before the first sign-in. */
  get limits(): Limits {
    return { upload_bytes: Infinity, ...DEFAULT_LIMITS, ...this.#state.ready?.limits };
  }

  onState(listener: (state: ConnectionState) => void): Undo {
    return this.#states.subscribe(listener);
  }

  /** Call `listener` when a connection ends, with the error that made the server close it; null for any other loss. */
  onLost(listener: (blame: Reason | null) => void): Undo {
    return this.#losses.subscribe(listener);
  }

  on<E extends ServerEvent>(event: E, listener: (payload: ServerEvents[E]) => void): Undo {
    return this.#emitter(event).subscribe(listener);
  }

  /** Connect now. Does nothing while online, while an attempt is under way, and after `close`. */
  connect(): void {
    if (this.online || this.#isAttempting || this.#isClosed()) return;
    clearTimeout(this.#retryTimer);
    this.#isAttempting = true;
    this.#release();
    this.#release = keepAlive();
    this.#change({ phase: "connecting", retryAtMs: null });
    void this.#attempt();
  }

  /** End the connection for good. */
  close(): void {
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#readyTimer);
    this.#change({ phase: "closed", retryAtMs: null });
    this.tokens.stop();
    this.#release();
    this.#disconnect();
  }

  /** Give up the present connection or attempt, and try again after a pause. */
  interrupt(reason: string): void {
    if (!this.online && !this.#isAttempting) return;
    this.#retry(RoomcastError.of("unavailable", reason));
    this.#disconnect();
  }

  /** End the present connection, because the user is signed out. `connect` tries again. */
  refuse(error: RoomcastError): void {
    if (this.#isClosed()) return;
    this.#giveUp(error);
    this.#disconnect();
  }

  /** Store the user's new name, which a back end has set. */
  renamed(name: string): void {
    const { ready } = this.#state;
    if (ready) this.#change({ ready: { ...ready, name } });
  }

  /** Send an event without an ack, only while online. Return whether the event went on the wire. */
  drop(event: "typing" | "receipt:read" | "room:emit", payload: object): boolean {
    const goes = this.online && payloadFault(payload, this.limits.payload_bytes) === null;
    if (goes) this.#socket.emit(event, payload);
    return goes;
  }

  /**
   * Send one request and return its answer. While offline, wait for the connection for up to `timeoutMs`.
   *
   * @param onAnswer called with the answer before any later event of the server is handled; the promise settles later
   * @throws RoomcastError the server's refusal; `outcome_unknown` when no answer came in time or the connection ended
   * meanwhile (sending the same id again is safe); `unavailable`, `bad_request` or `too_large` when nothing was sent
   */
  async call<E extends ClientEvent>(
    event: E,
    payload: Payload<E>,
    timeoutMs: number = this.#options.ackTimeoutMs ?? ACK_MS,
    onAnswer?: (answer: Answer<E>) => void,
  ): Promise<Answer<E>> {
    if (!CLIENT_EVENTS.includes(event)) throw RoomcastError.of("unknown_event", String(event));
    await this.#untilOnline(timeoutMs);
    const fault = payloadFault(payload, this.limits.payload_bytes);
    if (fault) throw fault;
    return new Promise((resolve, reject) => {
      this.#socket.timeout(timeoutMs).emit(event, payload, (error: Error | null, ack: unknown) => {
        if (error) return reject(RoomcastError.of("outcome_unknown", error.message));
        try {
          const answer = accepted(ack) as Answer<E>;
          onAnswer?.(answer);
          resolve(answer);
        } catch (refusal) {
          reject(refusal);
        }
      });
    });
  }

  // --- one attempt ---------------------------------------------------------------------------------------------------

  /** Fetch the token before opening a transport: a gateway does not wait long for a client without a token. */
  async #attempt(): Promise<void> {
    const number = ++this.#attempts;
    const isCurrent = () => number === this.#attempts && this.#isAttempting && !this.#isClosed();
    try {
      const token = await this.tokens.fetch();
      if (!isCurrent()) return;
      this.#socket.auth = { ...this.#auth(), token };
      this.#open();
    } catch (error) {
      const failure = RoomcastError.from(error);
      if (isCurrent()) failure.retryable ? this.#retry(failure) : this.#giveUp(failure);
    }
  }

  #open(): void {
    const manager = this.#socket.io;
    manager.opts.transports = this.#transports.order;
    manager.timeout(this.#transports.openMs);
    this.#socket.connect();
  }

  #disconnect(): void {
    const abort = handshakeOf(this.#socket);
    this.#socket.disconnect();
    abort();
  }

  #listen(): void {
    const socket = this.#socket;
    socket.io.on("open", () => this.#awaitReady());
    socket.on("connect_error", (error) => this.#connectFailed(error));
    socket.on("disconnect", (reason, details) => this.#disconnected(reason, details));
    for (const event of SERVER_EVENTS) {
      socket.on(event, (payload) => this.#received(event, payload as never));
    }
  }

  #received(event: ServerEvent, payload: never): void {
    if (event === "ready") this.#becameReady(payload);
    if (event === "drain") this.#change({ draining: true });
    this.#emitter(event).emit(payload);
  }

  #becameReady(ready: Ready): void {
    clearTimeout(this.#readyTimer);
    this.#isAttempting = false;
    this.#refusals = 0;
    this.clock.set(ready.server_time);
    if (ready.ticket) this.#socket.io.opts.query = { ticket: ready.ticket };
    this.#change({ ...NOT_CONNECTED, phase: "online", wasOnline: true, ready });
  }

  #awaitReady(): void {
    clearTimeout(this.#readyTimer);
    const giveUp = () => {
      this.#transports.stalled();
      this.interrupt("the gateway did not send `ready`");
    };
    this.#readyTimer = setTimeout(giveUp, this.#options.readyTimeoutMs ?? READY_MS);
  }

  // --- failures ------------------------------------------------------------------------------------------------------

  #connectFailed(error: Error): void {
    if (this.#isClosed() || !this.#isAttempting) return;
    handshakeOf(this.#socket)();
    // socket.io-client sets `active` to false if the server refused the socket, but not if no server was reached.
    if (!this.#socket.active) return this.#refused(refusalOf(error));
    if (error.message === "timeout" && this.#transports.stalled()) {
      if (this.#transports.order[0] === "polling") return this.#open();
    }
    const hint = this.#state.wasOnline ? "" : connectHint(this.#options.url, globalThis.location);
    this.#retry(RoomcastError.of("unavailable", error.message + hint), retryAfterOf(error, Date.now()));
  }

  #refused(error: RoomcastError): void {
    this.#refusals += 1;
    if (error.retryable || this.#refusals <= MAX_REFUSALS) return this.#retry(error, error.retryAfterMs);
    this.#giveUp(error);
  }

  /** Stay unconnected until `connect` is called. */
  #giveUp(error: RoomcastError): void {
    clearTimeout(this.#retryTimer);
    this.#isAttempting = false;
    this.#release();
    this.#change({ phase: "refused", error, retryAtMs: null });
  }

  #disconnected(reason: string, details: unknown): void {
    clearTimeout(this.#readyTimer);
    const blame = blameOf(details);
    this.#losses.emit(blame);
    if (!this.online && !this.#isAttempting) return;
    // The client has sent only the token. So the gateway cannot read the token, or the token is longer than a packet.
    if (!this.online && blame) return this.#refused(RoomcastError.of("unauthorized", `the token is ${blame}`));
    // Some proxies pass a WebSocket's handshake and drop its frames: try the other transport first.
    if (!this.online) this.#transports.stalled();
    this.#retry(RoomcastError.of("unavailable", reason));
  }

  #retry(error: RoomcastError, retryAfterMs = 0): void {
    clearTimeout(this.#retryTimer);
    this.#isAttempting = false;
    const attempt = this.#state.attempt;
    const policy = this.#options.backoff ?? (this.#state.draining ? MOVED : RECONNECT);
    const waitMs = backoffMs(attempt, Math.random(), policy, retryAfterMs);
    const retryAtMs = Date.now() + waitMs;
    this.#change({ phase: "waiting", attempt: attempt + 1, retryAtMs, error });
    this.#retryTimer = setTimeout(() => this.connect(), waitMs);
  }

  #isClosed(): boolean {
    return this.#state.phase === "closed";
  }

  #untilOnline(limitMs: number): Promise<void> {
    if (this.online) return Promise.resolve();
    if (this.#isClosed()) return Promise.reject(RoomcastError.of("unavailable", "the client is closed"));
    return new Promise((resolve, reject) => {
      const settle = (ok: boolean) => {
        clearTimeout(timer);
        undo();
        if (ok) resolve();
        else reject(RoomcastError.of("unavailable", "not connected"));
      };
      const timer = setTimeout(() => settle(false), limitMs);
      const undo = this.onState(({ phase }) => {
        if (phase === "online") settle(true);
        if (phase === "closed" || phase === "refused") settle(false);
      });
    });
  }

  #change(part: Partial<ConnectionState>): void {
    this.#state = { ...this.#state, ...part };
    this.#states.emit(this.#state);
  }

  #emitter<E extends ServerEvent>(event: E): Emitter<ServerEvents[E]> {
    const known = this.#events.get(event) ?? new Emitter<never>();
    this.#events.set(event, known);
    return known as unknown as Emitter<ServerEvents[E]>;
  }
}
