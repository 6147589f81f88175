/**
 * One connection to the gateways: who we are, whether we are online, calls with acks, and coming back.
 *
 * Reconnecting is done here and not by socket.io-client, so that a server's Retry-After is kept exactly and a
 * refusal by the server (after which socket.io-client gives up for good) is tried again where that can help.
 */

import { io, type Socket } from "socket.io-client";
import { backoffMs, parseRetryAfter, RECONNECT, type BackoffPolicy } from "./backoff.ts";
import { Emitter, type Undo } from "./emitter.ts";
import { isWireError, RoomcastError } from "./errors.ts";
import { SERVER_EVENTS } from "./protocol.ts";
import type { Answer, ClientEvent, Payload, Ready, ServerEvent, ServerEvents } from "./protocol.ts";

export type TokenSource = () => string | Promise<string>;

export interface LinkOptions {
  url: string;
  token: TokenSource;
  path?: string;
  transports?: ("websocket" | "polling")[];
  backoff?: BackoffPolicy;
  ackTimeoutMs?: number;
  readyTimeoutMs?: number;
}

export type Phase = "connecting" | "online" | "waiting" | "refused" | "closed";

export interface ConnectionState {
  /** `waiting`: cut off, trying again at `retryAtMs`. `refused`: the server does not want this token. */
  phase: Phase;
  attempt: number;
  retryAtMs: number | null;
  /** This client was online before. */
  wasOnline: boolean;
  /** The gateway has announced that it will move us. */
  draining: boolean;
  error: RoomcastError | null;
  ready: Ready | null;
}

const START: ConnectionState = {
  phase: "connecting",
  attempt: 0,
  retryAtMs: null,
  wasOnline: false,
  draining: false,
  error: null,
  ready: null,
};

/** A refused token is fetched anew this many times before giving up. */
const MAX_REFUSALS = 2;

export class Link {
  readonly #options: LinkOptions;
  readonly #socket: Socket;
  readonly #states = new Emitter<ConnectionState>();
  readonly #events = new Map<ServerEvent, Emitter<never>>();
  #state = START;
  #refusals = 0;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #readyTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#socket = io(options.url, {
      path: options.path ?? "/socket.io/",
      auth: (give) => void this.#giveToken(give),
      transports: options.transports ?? ["websocket", "polling"],
      tryAllTransports: true,
      reconnection: false,
      forceNew: true,
      autoConnect: false,
    });
    this.#listen();
  }

  get state(): ConnectionState {
    return this.#state;
  }

  get online(): boolean {
    return this.#state.phase === "online";
  }

  onState(listener: (state: ConnectionState) => void): Undo {
    return this.#states.subscribe(listener);
  }

  on<E extends ServerEvent>(event: E, listener: (payload: ServerEvents[E]) => void): Undo {
    return this.#emitter(event).subscribe(listener);
  }

  /** Connects now; also the answer to a "try again" button while waiting or refused. */
  connect(): void {
    if (this.#state.phase === "online" || this.#socket.connected) return;
    clearTimeout(this.#retryTimer);
    this.#change({ phase: "connecting", retryAtMs: null });
    this.#socket.connect();
  }

  close(): void {
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#readyTimer);
    this.#change({ phase: "closed", retryAtMs: null });
    this.#socket.disconnect();
  }

  /** Sends without asking for an answer, and only while online. */
  drop(event: "typing", payload: { room: string; typing: boolean }): void {
    if (this.online) this.#socket.emit(event, payload);
  }

  /**
   * One request and its answer. Waits for the connection within the same time.
   *
   * @throws RoomcastError the server's refusal; `outcome_unknown` when no answer came in time or the connection
   * broke meanwhile (resending the same id is safe); `unavailable` when nothing was sent.
   */
  async call<E extends ClientEvent>(event: E, payload: Payload<E>, timeoutMs?: number): Promise<Answer<E>> {
    const limitMs = timeoutMs ?? this.#options.ackTimeoutMs ?? 8000;
    await this.#untilOnline(limitMs);
    const ack: unknown = await this.#socket
      .timeout(limitMs)
      .emitWithAck(event, payload)
      .catch((error: Error) => {
        throw RoomcastError.of("outcome_unknown", error.message);
      });
    return accepted(ack) as Answer<E>;
  }

  async #giveToken(give: (auth: object) => void): Promise<void> {
    try {
      give({ token: await this.#options.token() });
    } catch (error) {
      // No packet was sent yet: close, and come back when the token source may work again.
      this.#retry(RoomcastError.of("unavailable", `no token: ${error instanceof Error ? error.message : error}`));
      this.#socket.disconnect();
    }
  }

  #listen(): void {
    const socket = this.#socket;
    socket.on("connect", () => this.#awaitReady());
    socket.on("connect_error", (error) => this.#connectFailed(error));
    socket.on("disconnect", (reason) => this.#disconnected(reason));
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
    this.#refusals = 0;
    this.#change({ ...START, phase: "online", wasOnline: true, ready });
  }

  #awaitReady(): void {
    clearTimeout(this.#readyTimer);
    const cut = () => void this.#socket.io.engine.close();
    this.#readyTimer = setTimeout(cut, this.#options.readyTimeoutMs ?? 10_000);
  }

  #connectFailed(error: Error): void {
    if (this.#state.phase === "closed") return;
    // socket.io-client lets go of a socket that the server refused; one that found no server stays active.
    if (!this.#socket.active) return this.#refused(refusalOf(error));
    this.#retry(RoomcastError.of("unavailable", error.message), retryAfterOf(error, Date.now()));
  }

  #refused(error: RoomcastError): void {
    this.#refusals += 1;
    if (error.retryable || this.#refusals <= MAX_REFUSALS) return this.#retry(error, error.retryAfterMs);
    this.#change({ phase: "refused", error, retryAtMs: null });
  }

  #disconnected(reason: string): void {
    clearTimeout(this.#readyTimer);
    if (this.#state.phase === "closed" || this.#state.phase === "waiting") return;
    this.#retry(RoomcastError.of("unavailable", reason));
  }

  #retry(error: RoomcastError, retryAfterMs = 0): void {
    clearTimeout(this.#retryTimer);
    const attempt = this.#state.attempt;
    const waitMs = backoffMs(attempt, Math.random(), this.#options.backoff ?? RECONNECT, retryAfterMs);
    this.#change({ phase: "waiting", attempt: attempt + 1, retryAtMs: Date.now() + waitMs, error });
    this.#retryTimer = setTimeout(() => this.connect(), waitMs);
  }

  #untilOnline(limitMs: number): Promise<void> {
    if (this.online) return Promise.resolve();
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

/** The answer in an ack `{ok: true, …}`; throws what `{ok: false, error}` says. */
export function accepted(ack: unknown): unknown {
  const answer = ack as { ok?: boolean; error?: unknown } | null;
  if (answer?.ok === true) return answer;
  throw isWireError(answer?.error) ? new RoomcastError(answer.error) : RoomcastError.of("internal", "malformed ack");
}

/** The code in a refused connect; a refusal without one is a matter of the token. */
function refusalOf(error: Error & { data?: unknown }): RoomcastError {
  return isWireError(error.data) ? new RoomcastError(error.data) : RoomcastError.of("unauthorized", error.message);
}

/** Retry-After of a refused polling request, in milliseconds. A WebSocket hides it from pages. */
function retryAfterOf(error: Error & { context?: unknown }, nowMs: number): number {
  const xhr = error.context as { getResponseHeader?: (name: string) => string | null } | undefined;
  return parseRetryAfter(xhr?.getResponseHeader?.("Retry-After") ?? null, nowMs);
}
