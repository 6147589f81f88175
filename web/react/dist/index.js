"use client";

// react/src/provider.ts
import { createContext, createElement, useContext, useEffect, useState, useSyncExternalStore } from "react";

// sdk/src/connection.ts
import { io } from "socket.io-client";

// sdk/src/backoff.ts
var RECONNECT = { baseMs: 1e3, maxMs: 5e3 };
var MOVED = { baseMs: 200, maxMs: 5e3 };
var RESEND = { baseMs: 700, maxMs: 5e3 };
var MAX_RETRY_AFTER_MS = 12e4;
function backoffMs(attempt2, random, policy, retryAfterMs = 0) {
  const ceiling = Math.min(policy.maxMs, policy.baseMs * 2 ** Math.min(attempt2, 16));
  return Math.max(ceiling / 2, retryAfterMs) + random * ceiling / 2;
}
function parseRetryAfter(header, nowMs) {
  if (!header) return 0;
  const seconds = Number(header);
  const ms = Number.isFinite(seconds) ? seconds * 1e3 : Date.parse(header) - nowMs;
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), MAX_RETRY_AFTER_MS) : 0;
}

// sdk/src/clock.ts
function monotonicMs() {
  return globalThis.performance?.now() ?? Date.now();
}
var ServerClock = class {
  #serverMs = null;
  #announcedMs = 0;
  /** Take over the server's time, in milliseconds since the epoch. */
  set(serverMs) {
    this.#serverMs = serverMs;
    this.#announcedMs = monotonicMs();
  }
  /** Return the server's time now, in milliseconds since the epoch. */
  now() {
    return this.#serverMs === null ? Date.now() : this.#serverMs + (monotonicMs() - this.#announcedMs);
  }
};

// sdk/src/emitter.ts
var Emitter = class {
  #listeners = /* @__PURE__ */ new Set();
  /** Call `listener` at every emit, until the returned function is called. */
  subscribe(listener) {
    const own = (value) => listener(value);
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }
  /** Call every listener. An error of one is reported as uncaught, and stops neither the others nor the caller. */
  emit(value) {
    for (const listener of [...this.#listeners]) {
      try {
        listener(value);
      } catch (error) {
        setTimeout(() => {
          throw error;
        });
      }
    }
  }
};

// sdk/src/environment.ts
function defaultStorage() {
  try {
    const storage = globalThis.localStorage;
    return typeof storage?.getItem === "function" ? storage : null;
  } catch {
    return null;
  }
}
function newId() {
  const crypto = globalThis.crypto;
  if (typeof crypto?.randomUUID === "function") return crypto.randomUUID();
  const bytes = new Uint8Array(16);
  if (typeof crypto?.getRandomValues === "function") crypto.getRandomValues(bytes);
  else for (let at = 0; at < bytes.length; at++) bytes[at] = Math.random() * 256;
  bytes[6] = bytes[6] & 15 | 64;
  bytes[8] = bytes[8] & 63 | 128;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
function isNode() {
  const { window, Deno, process } = globalThis;
  return window === void 0 && Deno === void 0 && !!process?.versions?.node && !process.versions.bun;
}
var LONGEST_TIMER_MS = 2 ** 31 - 1;
function keepAlive() {
  if (!isNode()) return () => {
  };
  const timer = setInterval(() => {
  }, LONGEST_TIMER_MS);
  return () => clearInterval(timer);
}

// sdk/src/errors.ts
var CODES = {
  bad_request: { code: 100, retryable: false },
  unknown_event: { code: 101, retryable: false },
  too_large: { code: 102, retryable: false },
  not_found: { code: 103, retryable: false },
  conflict: { code: 104, retryable: false },
  unauthorized: { code: 200, retryable: false },
  forbidden: { code: 201, retryable: false },
  revoked: { code: 202, retryable: false },
  unavailable: { code: 300, retryable: true },
  outcome_unknown: { code: 301, retryable: true },
  rate_limited: { code: 302, retryable: true },
  draining: { code: 303, retryable: true },
  internal: { code: 304, retryable: true },
  too_many_rooms: { code: 305, retryable: false },
  media_unavailable: { code: 400, retryable: true },
  media_refused: { code: 401, retryable: false },
  upload_incomplete: { code: 402, retryable: true },
  upload_mismatch: { code: 403, retryable: false },
  upload_expired: { code: 404, retryable: false }
};
var RoomcastError = class _RoomcastError extends Error {
  name = "RoomcastError";
  /** The error as it was received. */
  wire;
  constructor(wire) {
    super(wire.detail ? `${wire.reason}: ${wire.detail}` : wire.reason);
    this.wire = wire;
  }
  /** The number of the error. */
  get code() {
    return this.wire.code;
  }
  /** The name of the error, one of `Reason`; a newer gateway may send others. */
  get reason() {
    return this.wire.reason;
  }
  /** Whether the same request may succeed later. */
  get retryable() {
    return this.wire.retryable;
  }
  /** How long the server asks to wait before another try, in milliseconds; 0 when it does not say. */
  get retryAfterMs() {
    return (this.wire.retry_after ?? 0) * 1e3;
  }
  /** Make an error of the SDK's own, under a code of the protocol. */
  static of(reason, detail) {
    return new _RoomcastError({ ...CODES[reason], reason, ...detail ? { detail } : {} });
  }
  /** Return anything thrown or received as a RoomcastError; an unknown thing becomes `internal`. */
  static from(thrown) {
    if (thrown instanceof _RoomcastError) return thrown;
    if (isWireError(thrown)) return new _RoomcastError(thrown);
    return _RoomcastError.of("internal", thrown instanceof Error ? thrown.message : String(thrown));
  }
};
function isWireError(value) {
  if (typeof value !== "object" || value === null) return false;
  const { code, reason, retryable } = value;
  return typeof code === "number" && typeof reason === "string" && typeof retryable === "boolean";
}

// sdk/src/handshake.ts
function handshakeOf(socket) {
  const transport = socket.io.engine?.transport;
  const request = transport?.readyState === "opening" ? transport.pollXhr?._xhr : null;
  if (typeof XMLHttpRequest === "undefined" || !(request instanceof XMLHttpRequest)) return () => {
  };
  return () => request.abort();
}

// sdk/src/loss.ts
var BLAMES = {
  1003: "bad_request",
  1007: "bad_request",
  1009: "too_large",
  413: "too_large"
};
function blameOf(details) {
  const { description, context } = details ?? {};
  for (const value of [context?.code, context?.status, description]) {
    if (typeof value === "number" && value in BLAMES) return BLAMES[value] ?? null;
  }
  return null;
}
var MAX_LOSSES = 3;
function culpritOf(suspects, isBlamed) {
  const most = Math.max(0, ...suspects.map(({ losses }) => losses));
  const [first, ...others] = suspects.filter(({ losses }) => losses === most);
  if (!first || others.length > 0) return null;
  const isCertain = isBlamed ? suspects.length === 1 || most > 1 : most >= MAX_LOSSES;
  return isCertain ? first.id : null;
}

// sdk/src/payload.ts
var DEFAULT_LIMITS = { message_bytes: 16384, payload_bytes: 1e5 };
var ENVELOPE_BYTES = 128;
var MAX_DEPTH = 32;
function payloadFault(payload, payloadBytes) {
  if (holdsBinary(payload, 0)) return RoomcastError.of("bad_request", "a payload holds no binary data");
  const json = jsonOf(payload);
  if (json === null) return RoomcastError.of("bad_request", "the payload cannot be written as JSON");
  if (utf8Bytes(json) > payloadBytes - ENVELOPE_BYTES) {
    return RoomcastError.of("too_large", `a payload holds at most ${payloadBytes} bytes`);
  }
  const fault = faultIn(JSON.parse(json), 0);
  return fault === null ? null : RoomcastError.of("bad_request", fault);
}
function textFault(text, messageBytes) {
  if (!isWellFormed(text)) return RoomcastError.of("bad_request", LONE_SURROGATE);
  if (utf8Bytes(text) <= messageBytes) return null;
  return RoomcastError.of("too_large", `a text holds at most ${messageBytes} bytes`);
}
var LONE_SURROGATE = "the text holds half a character (a lone surrogate)";
function isWellFormed(text) {
  return !/[\uD800-\uDFFF]/u.test(text);
}
function utf8Bytes(text) {
  let bytes = text.length;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    const isSurrogate = unit >= 55296 && unit <= 57343;
    if (unit > 2047 && !isSurrogate) bytes += 2;
    else if (unit > 127) bytes += 1;
  }
  return bytes;
}
function jsonOf(payload) {
  try {
    return JSON.stringify(payload) ?? null;
  } catch {
    return null;
  }
}
function faultIn(value, depth) {
  if (typeof value === "string") return isWellFormed(value) ? null : LONE_SURROGATE;
  if (typeof value !== "object" || value === null) return null;
  if (depth >= MAX_DEPTH) return `a payload is nested at most ${MAX_DEPTH} deep`;
  for (const [key, inner] of Object.entries(value)) {
    const fault = faultIn(key, depth + 1) ?? faultIn(inner, depth + 1);
    if (fault !== null) return fault;
  }
  return null;
}
function holdsBinary(value, depth) {
  if (typeof value !== "object" || value === null || depth >= MAX_DEPTH) return false;
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) return true;
  if (typeof Blob !== "undefined" && value instanceof Blob) return true;
  return Object.values(value).some((inner) => holdsBinary(inner, depth + 1));
}

// sdk/src/protocol.ts
var SERVER_EVENTS = [
  "ready",
  "message",
  "typing",
  "presence",
  "receipt",
  "room",
  "resync",
  "drain"
];
var STATUSES = ["online", "away", "busy", "invisible"];
var CLIENT_EVENTS = [
  "room:join",
  "room:leave",
  "room:members",
  "room:create",
  "room:invite",
  "room:remove",
  "room:list",
  "room:sanction",
  "room:sanctions",
  "room:slow",
  "message:send",
  "message:edit",
  "message:delete",
  "message:react",
  "message:history",
  "message:report",
  "report:list",
  "report:resolve",
  "user:block",
  "user:blocked",
  "typing",
  "receipt:read",
  "presence",
  "presence:query",
  "presence:watch",
  "presence:unwatch",
  "media:sign",
  "media:complete",
  "media:url",
  "auth:refresh"
];
var HEARTBEAT_SECONDS = 30;
var TYPING_SECONDS = 6;
var MAX_LIST = 100;

// sdk/src/tokens.ts
var ANSWER_MS = 3e4;
var Tokens = class {
  #source;
  #pending = null;
  #current = "";
  #giveUp = () => {
  };
  constructor(source) {
    this.#source = source;
  }
  /** The token that was fetched last; empty before the first. */
  get current() {
    return this.#current;
  }
  /**
   * Return a fresh token. A call while another one waits shares its answer.
   *
   * @throws RoomcastError `unavailable`: the source failed, or did not answer in time, or `stop` was called
   */
  fetch() {
    this.#pending ??= this.#ask().finally(() => {
      this.#pending = null;
    });
    return this.#pending;
  }
  /** Give up what is waited for, so that no timer keeps a process alive. */
  stop() {
    this.#giveUp(RoomcastError.of("unavailable", "closed"));
  }
  async #ask() {
    let timer;
    const givenUp = new Promise((_resolve, reject) => {
      this.#giveUp = reject;
      timer = setTimeout(() => reject(failed("the token source does not answer")), ANSWER_MS);
    });
    try {
      this.#current = await Promise.race([this.#fromSource(), givenUp]);
      return this.#current;
    } finally {
      clearTimeout(timer);
    }
  }
  async #fromSource() {
    try {
      const token = await this.#source();
      if (typeof token !== "string" || token === "") throw new Error("the token source returned none");
      return token;
    } catch (error) {
      throw failed(error);
    }
  }
};
function failed(error) {
  return RoomcastError.of("unavailable", `no token: ${error instanceof Error ? error.message : String(error)}`);
}

// sdk/src/transports.ts
var WEBSOCKET_OPEN_MS = 5e3;
var OPEN_MS = 2e4;
var TransportOrder = class {
  #order;
  #websocketOpenMs;
  constructor(order = ["websocket", "polling"], websocketOpenMs = WEBSOCKET_OPEN_MS) {
    this.#order = [...order];
    this.#websocketOpenMs = websocketOpenMs;
  }
  get order() {
    return [...this.#order];
  }
  /** How long the first transport may take to open, in milliseconds. */
  get openMs() {
    return this.#order[0] === "websocket" && this.#order.length > 1 ? this.#websocketOpenMs : OPEN_MS;
  }
  /** Put the other transport first, after an attempt that stalled. Returns whether there is another one. */
  stalled() {
    this.#order.reverse();
    return this.#order.length > 1;
  }
};

// sdk/src/connection.ts
var START = {
  phase: "connecting",
  attempt: 0,
  retryAtMs: null,
  wasOnline: false,
  draining: false,
  error: null,
  ready: null
};
var ACK_MS = 8e3;
var READY_MS = 1e4;
var MAX_REFUSALS = 2;
var Connection = class {
  clock = new ServerClock();
  tokens;
  #options;
  #auth;
  #socket;
  #transports;
  #states = new Emitter();
  #losses = new Emitter();
  #events = /* @__PURE__ */ new Map();
  #state = START;
  #isAttempting = false;
  #attempts = 0;
  #refusals = 0;
  #retryTimer;
  #readyTimer;
  /** Keeps a Node process alive while this client wants to be connected. */
  #release = () => {
  };
  /** @param auth what to tell beside the token at a connect */
  constructor(options, auth = () => ({})) {
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
      autoUnref: isNode()
    });
    this.#listen();
  }
  get state() {
    return this.#state;
  }
  get online() {
    return this.#state.phase === "online";
  }
  /** The limits of the gateway, or those of the protocol before the first sign-in. */
  get limits() {
    return { upload_bytes: Infinity, ...DEFAULT_LIMITS, ...this.#state.ready?.limits };
  }
  onState(listener) {
    return this.#states.subscribe(listener);
  }
  /** Call `listener` when a connection ends, with what the server holds against this client (null: nothing). */
  onLost(listener) {
    return this.#losses.subscribe(listener);
  }
  on(event, listener) {
    return this.#emitter(event).subscribe(listener);
  }
  /** Connect now. Does nothing while online, while an attempt is under way, and after `close`. */
  connect() {
    if (this.online || this.#isAttempting || this.#isClosed()) return;
    clearTimeout(this.#retryTimer);
    this.#isAttempting = true;
    this.#release();
    this.#release = keepAlive();
    this.#change({ phase: "connecting", retryAtMs: null });
    void this.#attempt();
  }
  /** End the connection for good. */
  close() {
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#readyTimer);
    this.#change({ phase: "closed", retryAtMs: null });
    this.tokens.stop();
    this.#release();
    this.#disconnect();
  }
  /** Give up the present connection or attempt, and try again after a pause. */
  interrupt(reason) {
    if (!this.online && !this.#isAttempting) return;
    this.#retry(RoomcastError.of("unavailable", reason));
    this.#disconnect();
  }
  /** Send without asking for an ack, and only while online. */
  drop(event, payload) {
    if (this.online && payloadFault(payload, this.limits.payload_bytes) === null) this.#socket.emit(event, payload);
  }
  /**
   * Send one request and return its answer. Waits for the connection within the same time.
   *
   * @param onAnswer called with the answer before any later event of the server is handled; the promise settles later
   * @throws RoomcastError the server's refusal; `outcome_unknown` when no answer came in time or the connection ended
   * meanwhile (sending the same id again is safe); `unavailable`, `bad_request` or `too_large` when nothing was sent
   */
  async call(event, payload, timeoutMs = this.#options.ackTimeoutMs ?? ACK_MS, onAnswer) {
    if (!CLIENT_EVENTS.includes(event)) throw RoomcastError.of("unknown_event", String(event));
    await this.#untilOnline(timeoutMs);
    const fault = payloadFault(payload, this.limits.payload_bytes);
    if (fault) throw fault;
    return new Promise((resolve, reject) => {
      this.#socket.timeout(timeoutMs).emit(event, payload, (error, ack) => {
        if (error) return reject(RoomcastError.of("outcome_unknown", error.message));
        try {
          const answer = accepted(ack);
          onAnswer?.(answer);
          resolve(answer);
        } catch (refusal) {
          reject(refusal);
        }
      });
    });
  }
  // --- one attempt ---------------------------------------------------------------------------------------------------
  /** Fetch the token before anything is opened: a gateway does not wait long for a client that has none. */
  async #attempt() {
    const number = ++this.#attempts;
    const isCurrent = () => number === this.#attempts && this.#isAttempting && !this.#isClosed();
    try {
      const token = await this.tokens.fetch();
      if (!isCurrent()) return;
      this.#socket.auth = { ...this.#auth(), token };
      this.#open();
    } catch (error) {
      if (isCurrent()) this.#retry(RoomcastError.from(error));
    }
  }
  #open() {
    const manager = this.#socket.io;
    manager.opts.transports = this.#transports.order;
    manager.timeout(this.#transports.openMs);
    this.#socket.connect();
  }
  #disconnect() {
    const abort = handshakeOf(this.#socket);
    this.#socket.disconnect();
    abort();
  }
  #listen() {
    const socket = this.#socket;
    socket.io.on("open", () => this.#awaitReady());
    socket.on("connect_error", (error) => this.#connectFailed(error));
    socket.on("disconnect", (reason, details) => this.#disconnected(reason, details));
    for (const event of SERVER_EVENTS) {
      socket.on(event, (payload) => this.#received(event, payload));
    }
  }
  #received(event, payload) {
    if (event === "ready") this.#becameReady(payload);
    if (event === "drain") this.#change({ draining: true });
    this.#emitter(event).emit(payload);
  }
  #becameReady(ready) {
    clearTimeout(this.#readyTimer);
    this.#isAttempting = false;
    this.#refusals = 0;
    this.clock.set(ready.server_time);
    this.#change({ ...START, phase: "online", wasOnline: true, ready });
  }
  #awaitReady() {
    clearTimeout(this.#readyTimer);
    const giveUp = () => {
      this.#transports.stalled();
      this.interrupt("the gateway did not say `ready`");
    };
    this.#readyTimer = setTimeout(giveUp, this.#options.readyTimeoutMs ?? READY_MS);
  }
  // --- failures ------------------------------------------------------------------------------------------------------
  #connectFailed(error) {
    if (this.#isClosed() || !this.#isAttempting) return;
    handshakeOf(this.#socket)();
    if (!this.#socket.active) return this.#refused(refusalOf(error));
    if (error.message === "timeout" && this.#transports.stalled()) {
      if (this.#transports.order[0] === "polling") return this.#open();
    }
    this.#retry(RoomcastError.of("unavailable", error.message), retryAfterOf(error, Date.now()));
  }
  #refused(error) {
    this.#refusals += 1;
    if (error.retryable || this.#refusals <= MAX_REFUSALS) return this.#retry(error, error.retryAfterMs);
    this.#isAttempting = false;
    this.#release();
    this.#change({ phase: "refused", error, retryAtMs: null });
  }
  #disconnected(reason, details) {
    clearTimeout(this.#readyTimer);
    const blame = blameOf(details);
    this.#losses.emit(blame);
    if (!this.online && !this.#isAttempting) return;
    if (!this.online && blame) return this.#refused(RoomcastError.of("unauthorized", `the token is ${blame}`));
    if (!this.online) this.#transports.stalled();
    this.#retry(RoomcastError.of("unavailable", reason));
  }
  #retry(error, retryAfterMs = 0) {
    clearTimeout(this.#retryTimer);
    this.#isAttempting = false;
    const attempt2 = this.#state.attempt;
    const policy = this.#options.backoff ?? (this.#state.draining ? MOVED : RECONNECT);
    const waitMs2 = backoffMs(attempt2, Math.random(), policy, retryAfterMs);
    const retryAtMs = Date.now() + waitMs2;
    this.#change({ phase: "waiting", attempt: attempt2 + 1, retryAtMs, error });
    this.#retryTimer = setTimeout(() => this.connect(), waitMs2);
  }
  #isClosed() {
    return this.#state.phase === "closed";
  }
  #untilOnline(limitMs) {
    if (this.online) return Promise.resolve();
    if (this.#isClosed()) return Promise.reject(RoomcastError.of("unavailable", "the client is closed"));
    return new Promise((resolve, reject) => {
      const settle = (ok) => {
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
  #change(part) {
    this.#state = { ...this.#state, ...part };
    this.#states.emit(this.#state);
  }
  #emitter(event) {
    const known = this.#events.get(event) ?? new Emitter();
    this.#events.set(event, known);
    return known;
  }
};
function accepted(ack) {
  const answer = ack;
  if (answer?.ok === true) return answer;
  throw isWireError(answer?.error) ? new RoomcastError(answer.error) : RoomcastError.of("internal", "malformed ack");
}
function refusalOf(error) {
  return isWireError(error.data) ? new RoomcastError(error.data) : RoomcastError.of("unauthorized", error.message);
}
function retryAfterOf(error, nowMs) {
  const request = error.context;
  try {
    return parseRetryAfter(request?.getResponseHeader?.("Retry-After") ?? null, nowMs);
  } catch {
    return 0;
  }
}

// sdk/src/network.ts
function followNetwork(connection) {
  const hurry = () => void (connection.state.phase === "waiting" && connection.connect());
  const undos = [
    listen("window", "offline", () => connection.interrupt("the browser is offline")),
    listen("window", "online", hurry),
    listen("document", "visibilitychange", () => void (document.visibilityState === "visible" && hurry()))
  ];
  return () => {
    for (const undo of undos) undo();
  };
}
function listen(where, event, listener) {
  const target = globalThis[where];
  if (typeof target?.addEventListener !== "function") return () => {
  };
  target.addEventListener(event, listener);
  return () => target.removeEventListener?.(event, listener);
}

// sdk/src/outbox.ts
function reduceOutbox(outbox, action) {
  switch (action.type) {
    case "written":
      return outbox.some((draft) => draft.id === action.draft.id) ? outbox : [...outbox, action.draft];
    case "tried":
      return update(outbox, action.id, (draft) => ({ ...draft, tried: true, attempts: draft.attempts + 1 }));
    case "refused":
      return update(outbox, action.id, (draft) => ({ ...draft, tried: action.tried }));
    case "acked":
      return update(outbox, action.id, (draft) => ({
        ...draft,
        state: "sent",
        seq: action.seq,
        time: action.time,
        error: void 0
      }));
    case "failed":
      return update(outbox, action.id, (draft) => ({ ...draft, state: "failed", error: action.error }));
    case "retried":
      return update(outbox, action.id, (draft) => ({ ...draft, state: "sending", attempts: 0, error: void 0 }));
    case "removed":
      return outbox.some((draft) => action.ids.has(draft.id)) ? outbox.filter((draft) => !action.ids.has(draft.id)) : outbox;
  }
}
function roomsChanged(before, after) {
  const old = new Set(before);
  const now = new Set(after);
  const changed2 = [...after.filter((draft) => !old.has(draft)), ...before.filter((draft) => !now.has(draft))];
  return new Set(changed2.map((draft) => draft.room));
}
function payloadOf(draft) {
  return {
    room: draft.room,
    id: draft.id,
    ...draft.text !== void 0 ? { text: draft.text } : {},
    ...draft.media ? { upload: draft.media.upload } : {},
    ...draft.replyTo !== void 0 ? { reply_to: draft.replyTo } : {}
  };
}
var SAFE_RESEND_MS = 55 * 6e4;
function revived(draft, nowMs) {
  const fresh = { ...draft, attempts: 0 };
  if (draft.state !== "sending" || !draft.tried || nowMs - draft.time < SAFE_RESEND_MS) return fresh;
  const detail = "it may have been delivered before the page was closed";
  return { ...fresh, state: "failed", error: { code: 301, reason: "outcome_unknown", retryable: true, detail } };
}
function update(outbox, id, change) {
  return outbox.map((draft) => draft.id === id ? change(draft) : draft);
}

// sdk/src/outbox_storage.ts
var MAX_DRAFTS = 200;
var MAX_FAILED_MS = 30 * 24 * 36e5;
var OutboxStorage = class {
  #items;
  constructor(storage, user) {
    this.#items = new Items(storage, `roomcast:outbox:${user}:`);
  }
  /** Write what changed between two states. A full or forbidden storage does not stop a message from being sent. */
  save(before, after) {
    const old = new Set(before);
    for (const draft of after) if (!old.has(draft)) this.#write(draft);
    const kept = new Set(after.map((draft) => draft.id));
    for (const draft of before) if (!kept.has(draft.id)) this.#items.delete(draft.id);
  }
  /** Return the drafts found, the oldest first. */
  load(nowMs) {
    const drafts = this.#items.all().map(([, json]) => readDraft(json));
    return drafts.filter((draft) => draft !== null).filter((draft) => draft.state === "sending" || draft.state === "failed" && nowMs - draft.time < MAX_FAILED_MS).sort((a, b) => a.time - b.time).slice(-MAX_DRAFTS).map((draft) => revived(draft, nowMs));
  }
  #write(draft) {
    if (draft.state === "sent") this.#items.delete(draft.id);
    else this.#items.set(draft.id, JSON.stringify(draft));
  }
};
var MarkStorage = class {
  #items;
  constructor(storage, user) {
    this.#items = new Items(storage, `roomcast:read:${user}:`);
  }
  save(room, mark) {
    this.#items.set(room, JSON.stringify(mark));
  }
  delete(room) {
    this.#items.delete(room);
  }
  load() {
    return this.#items.all().flatMap(([room, json]) => {
      const mark = parsed(json);
      const isWhole = typeof mark?.seq === "number" && typeof mark.epoch === "string";
      return isWhole ? [[room, mark]] : [];
    });
  }
};
var Items = class {
  #storage;
  #prefix;
  constructor(storage, prefix) {
    this.#storage = storage;
    this.#prefix = prefix;
  }
  set(name, value) {
    attempt(() => this.#storage?.setItem(this.#prefix + name, value));
  }
  delete(name) {
    attempt(() => this.#storage?.removeItem(this.#prefix + name));
  }
  all() {
    const found = [];
    attempt(() => {
      for (let index = 0; index < (this.#storage?.length ?? 0); index++) {
        const key = this.#storage?.key(index) ?? "";
        if (!key.startsWith(this.#prefix)) continue;
        found.push([key.slice(this.#prefix.length), this.#storage?.getItem(key) ?? ""]);
      }
    });
    return found;
  }
};
function attempt(access) {
  try {
    access();
  } catch {
    return;
  }
}
function readDraft(json) {
  const draft = parsed(json);
  const isWhole = typeof draft?.id === "string" && typeof draft.room === "string" && typeof draft.time === "number";
  return isWhole ? { tried: true, attempts: 0, state: "sending", ...draft } : null;
}
function parsed(json) {
  try {
    return JSON.parse(json);
  } catch {
    return null;
  }
}

// sdk/src/retry.ts
async function retrying(work, attempts, policy, signal) {
  for (let attempt2 = 1; ; attempt2++) {
    throwIfAborted(signal);
    try {
      const result = await work();
      throwIfAborted(signal);
      return result;
    } catch (thrown) {
      throwIfAborted(signal);
      const error = RoomcastError.from(thrown);
      if (!error.retryable || attempt2 >= attempts) throw error;
      await pause(backoffMs(attempt2, Math.random(), policy, error.retryAfterMs), signal);
    }
  }
}
function abortReason(signal) {
  return signal.reason ?? Object.assign(new Error("aborted"), { name: "AbortError" });
}
function throwIfAborted(signal) {
  if (signal.aborted) throw abortReason(signal);
}
function pause(waitMs2, signal) {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, waitMs2);
    signal.addEventListener("abort", end);
  });
}

// sdk/src/presence.ts
function presenceChanged(map, changes) {
  const next = new Map(map);
  for (const { user, ...info } of changes) next.set(user, info);
  return next;
}
function presenceOfMembers(map, members) {
  const next = new Map(map);
  for (const { user, status } of members) next.set(user, { ...map.get(user), status });
  return next;
}
var WATCH_ATTEMPTS = 3;
var Presence = class {
  #connection;
  #closing;
  #changed = new Emitter();
  #map = /* @__PURE__ */ new Map();
  /** What the user chose here; empty until then. */
  #own = {};
  /** What the server has accepted of it. */
  #accepted = this.#own;
  /** The status of this session as the server has it: the user may have chosen it on another device or page. */
  #remembered = "online";
  /** User → how many watches name that user. */
  #watches = /* @__PURE__ */ new Map();
  #timer;
  /** @internal Use `Client.presence`. */
  constructor(connection, closing) {
    this.#connection = connection;
    this.#closing = closing;
    connection.on("presence", ({ changes }) => this.#set(presenceChanged(this.#map, changes)));
  }
  /** What is known about everybody. */
  get map() {
    return this.#map;
  }
  /** One's own status: as chosen here, or as the server remembers it. */
  get ownStatus() {
    return this.#own.status ?? this.#remembered;
  }
  /** Return what is known about a user; `offline` when nothing is. */
  get(user) {
    return this.#map.get(user) ?? { status: "offline" };
  }
  /** Call `listener` after every change, until the returned function is called. */
  subscribe(listener) {
    return this.#changed.subscribe(listener);
  }
  /**
   * Set one's own status, and one's note unless it is left out. They are kept over reconnects of this client.
   *
   * @throws RoomcastError when the server does not accept them. What it refuses for good is forgotten; the rest is told
   * again with the next heartbeat or connect.
   */
  async setStatus(status, note) {
    if (!STATUSES.includes(status)) throw RoomcastError.of("bad_request", `there is no status ${String(status)}`);
    this.#own = { ...this.#own, status, ...note !== void 0 ? { note } : {} };
    this.#changed.emit();
    await this.#tell();
  }
  /**
   * @internal Return what travels with a connect, so that nobody sees the session before its status is known.
   *
   * A note that was not accepted yet stays out: a gateway that refuses it would refuse the connect.
   */
  get auth() {
    if (this.#own === this.#accepted) return this.#own;
    return this.#own.status ? { status: this.#own.status } : {};
  }
  /**
   * Follow people who are in no joined room, over reconnects too, until the returned function is called.
   *
   * Several watches may name the same person; each one is undone by itself.
   */
  watch(users) {
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
  learn(members) {
    if (members.length) this.#set(presenceOfMembers(this.#map, members));
  }
  /** @internal Start (again) after every `ready`. */
  start(heartbeatSeconds = HEARTBEAT_SECONDS) {
    this.stop();
    const sendHeartbeat = () => {
      if (this.#connection.online) void this.#tell().catch(() => {
      });
    };
    sendHeartbeat();
    this.#timer = setInterval(sendHeartbeat, heartbeatSeconds * 1e3);
    void this.#askWatched([...this.#watches.keys()]);
  }
  /** @internal */
  stop() {
    clearInterval(this.#timer);
  }
  /** Send a heartbeat, with the own status if the server has not accepted it yet. */
  async #tell() {
    const own = this.#own;
    try {
      const { status } = await this.#connection.call("presence", own === this.#accepted ? {} : own);
      this.#accepted = own;
      this.#remember(status);
    } catch (thrown) {
      const error = RoomcastError.from(thrown);
      if (!error.retryable && this.#own === own && own !== this.#accepted) {
        this.#own = this.#accepted;
        this.#changed.emit();
      }
      throw error;
    }
  }
  #remember(status) {
    if (status === void 0 || status === this.#remembered) return;
    this.#remembered = status;
    this.#changed.emit();
  }
  #unwatch(users) {
    for (const user of users) this.#watches.set(user, (this.#watches.get(user) ?? 1) - 1);
    const done = users.filter((user) => this.#watches.get(user) === 0);
    for (const user of done) this.#watches.delete(user);
    if (!this.#connection.online) return;
    for (const slice of slices(done)) void this.#connection.call("presence:unwatch", { users: slice }).catch(() => {
    });
  }
  /** What still fails is asked for again after the next `ready`. */
  async #askWatched(users) {
    for (const slice of slices(users)) {
      const ask = () => this.#connection.call("presence:watch", { users: slice });
      const answer = await retrying(ask, WATCH_ATTEMPTS, RESEND, this.#closing).catch(() => null);
      const changes = Object.entries(answer?.users ?? {}).map(([user, info]) => ({ user, ...info }));
      if (changes.length) this.#set(presenceChanged(this.#map, changes));
    }
  }
  #set(map) {
    this.#map = map;
    this.#changed.emit();
  }
};
function slices(list) {
  const count = Math.ceil(list.length / MAX_LIST);
  return Array.from({ length: count }, (_, index) => list.slice(index * MAX_LIST, (index + 1) * MAX_LIST));
}

// sdk/src/read_marks.ts
var EVERY_MS = 1e3;
var UNKNOWN_EPOCH = "";
var ReadMarks = class {
  #connection;
  #marks = /* @__PURE__ */ new Map();
  #storage = new MarkStorage(null, "");
  constructor(connection) {
    this.#connection = connection;
  }
  /** Keep unconfirmed marks in `storage` from now on, and take over those found there. */
  restore(storage) {
    this.#storage = storage;
    for (const [room, mark] of storage.load()) {
      if (!this.#marks.has(room)) this.#marks.set(room, { ...mark, attempts: 0, isOld: true });
    }
    for (const [room, mark] of this.#marks) this.#save(room, mark);
  }
  /** The user has read everything in `room` up to `seq`. */
  set(room, seq, epoch) {
    const known = this.#marks.get(room);
    if (known?.epoch === epoch && known.seq >= seq) return;
    const mark = { seq, epoch, attempts: 0, isOld: false, timer: known?.timer };
    this.#marks.set(room, mark);
    this.#save(room, mark);
    this.#schedule(room, EVERY_MS);
  }
  /** Tell every unconfirmed mark: this is a new session. */
  onReady() {
    for (const [room, mark] of this.#marks) {
      mark.isOld = true;
      clearTimeout(mark.timer);
      mark.timer = void 0;
      this.#schedule(room, 0);
    }
  }
  /** Tell what is unconfirmed now, for this client is about to close. */
  stop() {
    for (const [room, { seq, isOld, timer }] of this.#marks) {
      clearTimeout(timer);
      if (!isOld) this.#connection.drop("receipt:read", { room, seq });
    }
  }
  #schedule(room, waitMs2) {
    const mark = this.#marks.get(room);
    if (!mark || mark.timer !== void 0) return;
    mark.timer = setTimeout(() => void this.#tell(room), waitMs2);
  }
  async #tell(room) {
    const mark = this.#marks.get(room);
    if (!mark) return;
    mark.timer = void 0;
    if (!this.#connection.online) return;
    try {
      if (mark.isOld && !await this.#isCurrent(room, mark)) return this.#forget(room, mark);
      await this.#connection.call("receipt:read", { room, seq: mark.seq });
      this.#forget(room, mark);
    } catch (thrown) {
      const error = RoomcastError.from(thrown);
      if (!error.retryable) return this.#forget(room, mark);
      this.#schedule(room, backoffMs(mark.attempts++, Math.random(), RECONNECT, error.retryAfterMs));
    }
  }
  /** Return whether the room still has the log that this mark counts in. */
  async #isCurrent(room, mark) {
    if (mark.epoch === UNKNOWN_EPOCH) return true;
    const { epoch } = await this.#connection.call("message:history", { room, limit: 1 });
    return epoch === mark.epoch;
  }
  /** Done with this mark, unless the user has read on meanwhile. */
  #forget(room, mark) {
    if (this.#marks.get(room) !== mark) return;
    this.#marks.delete(room);
    this.#storage.delete(room);
  }
  #save(room, { seq, epoch }) {
    this.#storage.save(room, { seq, epoch });
  }
};

// sdk/src/membership.ts
var Membership = class {
  #room;
  #connection;
  #steps;
  #isWanted = false;
  /** A wish that the request under way does not fulfil. */
  #isStale = false;
  /** The server may count this session as joined. */
  #isInside = false;
  #running = null;
  #attempt = 0;
  #timer;
  constructor(room, connection, steps) {
    this.#room = room;
    this.#connection = connection;
    this.#steps = steps;
  }
  get isWanted() {
    return this.#isWanted;
  }
  /** Join, or join again to read what is missing. */
  join() {
    this.#isWanted = true;
    void this.#sync();
  }
  /** Leave. The promise settles when the server was told, or need not be. */
  leave() {
    this.#isWanted = false;
    return this.#sync();
  }
  /** Join again if the room is joined: something is missing. */
  refresh() {
    if (this.#isWanted) void this.#sync();
  }
  /** Start anew in a new session, in which no room is joined. */
  onReady() {
    this.#isInside = false;
    this.#attempt = 0;
    this.refresh();
  }
  /** Stop wanting to be in: the server has ended the membership. */
  end() {
    this.#isWanted = false;
    this.#isInside = false;
    this.#isStale = false;
    clearTimeout(this.#timer);
  }
  stop() {
    this.#isWanted = false;
    this.#isStale = false;
    clearTimeout(this.#timer);
  }
  #sync() {
    clearTimeout(this.#timer);
    if (!this.#connection.online) return Promise.resolve();
    this.#isStale = true;
    this.#running ??= this.#run();
    return this.#running;
  }
  async #run() {
    while (this.#isStale && this.#connection.online) {
      this.#isStale = false;
      await (this.#isWanted ? this.#enter() : this.#exit());
    }
    this.#running = null;
  }
  async #enter() {
    this.#isInside = true;
    try {
      await this.#steps.enter();
      this.#attempt = 0;
    } catch (thrown) {
      this.#failed(RoomcastError.from(thrown));
    }
  }
  async #exit() {
    if (!this.#isInside) return;
    this.#isInside = false;
    await this.#connection.call("room:leave", { room: this.#room }).catch(() => {
    });
  }
  #failed(error) {
    if (!this.#isWanted || this.#isStale || !this.#connection.online) return;
    if (!error.retryable && error.reason !== "conflict") {
      this.end();
      return this.#steps.refused(error);
    }
    const waitMs2 = backoffMs(this.#attempt++, Math.random(), RECONNECT, error.retryAfterMs);
    this.#timer = setTimeout(() => this.refresh(), waitMs2);
  }
};

// sdk/src/people.ts
var NO_PEOPLE = { occupancy: 0, members: [], gone: [] };
var MAX_GONE = 30;
function peopleListed(people, members, occupancy) {
  const isWhole = occupancy <= members.length;
  const here = new Set(members.map((member) => member.user));
  const missing = isWhole ? people.members.filter((member) => !here.has(member.user)) : [];
  return { occupancy, members, gone: goneNow(people.gone, missing, here) };
}
function peopleChanged(people, { occupancy, entered = [], left = [] }) {
  const came = new Set(entered.map((member) => member.user));
  const went = new Set(left);
  const stayed = people.members.filter((member) => !came.has(member.user) && !went.has(member.user));
  const missing = people.members.filter((member) => went.has(member.user));
  const members = [...stayed, ...entered];
  return { occupancy: occupancy ?? members.length, members, gone: goneNow(people.gone, missing, came) };
}
function goneNow(gone, missing, here) {
  const fresh = new Set(missing.map((member) => member.user));
  const older = gone.filter((member) => !here.has(member.user) && !fresh.has(member.user));
  return [...missing, ...older].slice(0, MAX_GONE);
}

// sdk/src/room_state.ts
var EMPTY_ROOM = {
  phase: "idle",
  error: null,
  messages: [],
  seq: 0,
  hasOlder: false,
  loadingOlder: false,
  cut: false,
  ...NO_PEOPLE,
  moreMembers: false,
  read: {},
  typing: []
};

// sdk/src/timeline.ts
var EMPTY_TIMELINE = {
  epoch: null,
  last: 0,
  events: [],
  ahead: [],
  dropped: 0,
  more: false,
  cut: false,
  isRestarting: false
};
var MAX_EVENTS = 5e3;
var KEPT_EVENTS = 4e3;
var MAX_AHEAD = 1e3;
function reduceTimeline(timeline, action) {
  switch (action.type) {
    case "joined":
      return joined(timeline, action.answer, action.since);
    case "live":
      return live(timeline, action.messages);
    case "history":
      return history(timeline, action.page);
    case "released":
      return released(timeline, action.keep);
  }
}
function hasGap(timeline) {
  return timeline.epoch !== null && (timeline.ahead.length > 0 || timeline.dropped > timeline.last);
}
function sinceOf(timeline) {
  const { epoch, last, isRestarting } = timeline;
  return epoch === null || isRestarting ? null : { seq: last, epoch };
}
function isReplay(answer, since) {
  if (since === null || answer.messages.length > 0 || answer.more) return false;
  return answer.recovered ? answer.seq > since.seq : answer.seq > 0;
}
function joined(timeline, answer, since) {
  const continues = since !== null && answer.recovered && answer.epoch === timeline.epoch;
  if (isReplay(answer, since)) return continues ? timeline : restarting(timeline, answer);
  const page = sorted(answer.messages);
  if (!continues) return restarted(timeline, answer, page);
  const fresh = page.filter((message) => message.seq > timeline.last);
  const end = fresh.at(-1)?.seq ?? timeline.last;
  const last = answer.more ? end : Math.max(end, answer.seq, timeline.last);
  const ahead = timeline.ahead.filter((message) => message.epoch === answer.epoch);
  return drain({ ...timeline, last, ahead, events: [...timeline.events, ...fresh] });
}
function restarted(timeline, answer, page) {
  const last = Math.max(answer.seq, page.at(-1)?.seq ?? 0);
  return drain({
    epoch: answer.epoch,
    last,
    events: page,
    ahead: timeline.ahead.filter((message) => message.epoch === answer.epoch),
    dropped: 0,
    more: answer.more,
    cut: timeline.epoch !== null,
    isRestarting: false
  });
}
function restarting(timeline, answer) {
  return { ...timeline, epoch: answer.epoch, ahead: [], dropped: 0, more: false, cut: true, isRestarting: true };
}
function live(timeline, messages) {
  let now = timeline;
  let run = [];
  for (const message of messages) {
    const isNext = message.epoch === now.epoch && message.seq === now.last + run.length + 1;
    if (isNext && !now.isRestarting) {
      run.push(message);
    } else {
      now = liveOne(appended(now, run), message);
      run = [];
    }
  }
  return appended(now, run);
}
function appended(timeline, run) {
  if (run.length === 0) return timeline;
  return drain({ ...timeline, last: timeline.last + run.length, events: [...timeline.events, ...run] });
}
function liveOne(timeline, message) {
  const isSameEpoch = timeline.epoch === message.epoch;
  if (isSameEpoch && timeline.isRestarting) {
    const { seq } = message;
    return { ...timeline, last: seq, events: [message], more: seq > 1, isRestarting: false };
  }
  if (isSameEpoch && message.seq <= timeline.last) return timeline;
  if (isSameEpoch && message.seq === timeline.last + 1) {
    return appended(timeline, [message]);
  }
  return waiting(timeline, message);
}
function waiting(timeline, message) {
  if (timeline.ahead.some((other) => other.seq === message.seq && other.epoch === message.epoch)) return timeline;
  const ahead = sorted([...timeline.ahead, message]);
  const dropped = ahead.slice(MAX_AHEAD).filter((one) => one.epoch === timeline.epoch);
  const highest = Math.max(timeline.dropped, ...dropped.map(({ seq }) => seq));
  return { ...timeline, ahead: ahead.slice(0, MAX_AHEAD), dropped: highest };
}
function history(timeline, page) {
  const first = timeline.events[0]?.seq ?? timeline.last + 1;
  const older = sorted(page.messages).filter((message) => message.seq < first);
  return { ...timeline, events: [...older, ...timeline.events], more: page.more && older.length > 0 };
}
function drain(timeline) {
  let last = timeline.last;
  const taken = [];
  const rest = [];
  for (const message of timeline.ahead) {
    if (message.epoch === timeline.epoch && message.seq === last + 1) {
      taken.push(message);
      last = message.seq;
    } else if (message.epoch !== timeline.epoch || message.seq > last) {
      rest.push(message);
    }
  }
  return bounded({
    ...timeline,
    last,
    events: taken.length ? [...timeline.events, ...taken] : timeline.events,
    ahead: rest
  });
}
function bounded(timeline) {
  return timeline.events.length > MAX_EVENTS ? released(timeline, KEPT_EVENTS) : timeline;
}
function released(timeline, keep) {
  if (timeline.events.length <= keep) return timeline;
  return { ...timeline, events: timeline.events.slice(timeline.events.length - keep), more: true };
}
function sorted(messages) {
  return [...messages].sort((a, b) => a.seq - b.seq);
}

// sdk/src/typing.ts
function typingReceived(state, user, typing, nowMs) {
  const next = new Map(state);
  if (typing) next.set(user, nowMs + TYPING_SECONDS * 1e3);
  else next.delete(user);
  return next;
}
function typingExpired(state, nowMs) {
  const kept = [...state].filter(([, until]) => until > nowMs);
  return kept.length === state.size ? state : new Map(kept);
}
function nextExpiry(state) {
  return state.size ? Math.min(...state.values()) : null;
}
var TYPING_REFRESH_MS = TYPING_SECONDS * 1e3 / 2;
var NOT_TYPING = { on: false, toldMs: 0 };
function ownTyping(state, typing, nowMs) {
  if (!typing) return state.on ? [NOT_TYPING, false] : [state, null];
  if (state.on && nowMs - state.toldMs < TYPING_REFRESH_MS) return [state, null];
  return [{ on: true, toldMs: nowMs }, true];
}

// sdk/src/typing_indicator.ts
var TypingWatch = class {
  #changed;
  #state = /* @__PURE__ */ new Map();
  #timer;
  /** @param changed called with everybody who types, after every change */
  constructor(changed2) {
    this.#changed = changed2;
  }
  received(user, typing) {
    this.#set(typingReceived(this.#state, user, typing, monotonicMs()));
  }
  stop() {
    clearTimeout(this.#timer);
  }
  #set(next) {
    if (next.size === 0 && this.#state.size === 0) return;
    this.#state = next;
    clearTimeout(this.#timer);
    const expiry = nextExpiry(next);
    const expire = () => this.#set(typingExpired(this.#state, monotonicMs()));
    if (expiry !== null) this.#timer = setTimeout(expire, Math.max(0, expiry - monotonicMs()) + 1);
    this.#changed([...next.keys()]);
  }
};
var OwnTypingIndicator = class {
  #tell;
  #state = NOT_TYPING;
  constructor(tell) {
    this.#tell = tell;
  }
  set(typing) {
    const [state, emit] = ownTyping(this.#state, typing, monotonicMs());
    this.#state = state;
    if (emit !== null) this.#tell(emit);
  }
  /** Start anew in a new session, in which nothing was told yet. */
  reset() {
    this.#state = NOT_TYPING;
  }
};

// sdk/src/view.ts
var NOTHING_FOLDED = { events: [], messages: [], places: /* @__PURE__ */ new Map() };
function fold(before, events) {
  const count = before.events.length;
  const goesOn = count > 0 && events[0] === before.events[0] && events[count - 1] === before.events[count - 1];
  const messages = goesOn ? [...before.messages] : [];
  const places = new Map(goesOn ? before.places : []);
  for (const event of goesOn ? events.slice(count) : events) {
    if (event.kind === "text" || event.kind === "media" || event.kind === "system") {
      places.set(event.seq, messages.length);
      messages.push(fromEvent(event));
    } else {
      const place = places.get(event.target ?? 0);
      if (place !== void 0) messages[place] = changed(messages[place], event);
    }
  }
  return { events, messages, places };
}
function withDrafts(folded, drafts, self) {
  if (drafts.length === 0) return folded;
  const known = new Set(folded.filter((message) => message.user === self.user).map((message) => message.id));
  return [...folded, ...drafts.filter((draft) => !known.has(draft.id)).map((draft) => fromDraft(draft, self))];
}
function fromEvent(event) {
  const empty = event.kind !== "system" && event.text === void 0 && event.media === void 0;
  return {
    id: event.id,
    seq: event.seq,
    user: event.user,
    name: event.name,
    time: event.time,
    kind: event.kind,
    text: event.text,
    media: event.media,
    replyTo: event.reply_to,
    edited: event.edited !== void 0,
    // A deletion takes the text out of the log; the entry itself stays, so that its seq is no gap.
    deleted: event.deleted !== void 0 || empty,
    reactions: [],
    state: "sent"
  };
}
function fromDraft(draft, self) {
  return {
    id: draft.id,
    seq: draft.seq ?? null,
    user: self.user,
    name: self.name,
    time: draft.time,
    kind: draft.media ? "media" : "text",
    text: draft.text,
    media: draft.media,
    replyTo: draft.replyTo,
    edited: false,
    deleted: false,
    reactions: [],
    state: draft.state,
    error: draft.error
  };
}
function changed(target, event) {
  if (event.kind === "edit" && event.text !== void 0) {
    return { ...target, text: event.text, edited: true, deleted: false };
  }
  if (event.kind === "delete") return { ...target, text: void 0, media: void 0, deleted: true, reactions: [] };
  if (event.kind === "reaction" && event.emoji) {
    return { ...target, reactions: reacted(target.reactions, event.emoji, event.user, event.on ?? true) };
  }
  return target;
}
function reacted(reactions, emoji, user, on) {
  const others = reactions.find((one) => one.emoji === emoji)?.users.filter((one) => one !== user) ?? [];
  const next = { emoji, users: on ? [...others, user] : others };
  const isKnown = reactions.some((one) => one.emoji === emoji);
  const all = isKnown ? reactions.map((one) => one.emoji === emoji ? next : one) : [...reactions, next];
  return all.filter((one) => one.users.length > 0);
}

// sdk/src/room.ts
var ECHO_MS = 2e3;
var REPLAY_SHOW_MS = 50;
var CHANGE_ATTEMPTS = 3;
var Room = class {
  id;
  #context;
  #changed = new Emitter();
  #membership;
  #state = EMPTY_ROOM;
  #timeline = EMPTY_TIMELINE;
  #folded = NOTHING_FOLDED;
  /** Drafts that leave because the log shows them change the state together with the log. */
  #isReducing = false;
  /** The replay is complete with this seq; 0 when there is none. */
  #replayUntil = 0;
  #replayed = [];
  #replayTimer;
  #typing = new TypingWatch((typing) => this.#show({ typing }));
  #ownTyping;
  #ackedSeq = 0;
  #echoTimer;
  /** @internal Use `Client.room`. */
  constructor(id, context) {
    const { connection } = context;
    this.id = id;
    this.#context = context;
    this.#ownTyping = new OwnTypingIndicator((typing) => connection.drop("typing", { room: id, typing }));
    this.#membership = new Membership(id, connection, {
      enter: () => this.#catchUp(),
      refused: (error) => this.#refused(error)
    });
  }
  /** What is on show. */
  get state() {
    return this.#state;
  }
  /** Call `listener` with the state after every change, until the returned function is called. */
  subscribe(listener) {
    return this.#changed.subscribe(listener);
  }
  /** Enter the room and stay in it, over reconnects, until `leave`. */
  join() {
    this.#membership.join();
  }
  /** Leave the room. What it shows stays. */
  async leave() {
    this.#show({ phase: "idle", error: null });
    await this.#membership.leave();
  }
  // --- writing -------------------------------------------------------------------------------------------------------
  /**
   * Write a message. It shows at once as `sending`, goes out when the room is joined, and becomes `sent` or `failed`.
   *
   * @returns the id under which it can be retried or discarded
   */
  send(options) {
    const { newId: newId2, sender, connection } = this.#context;
    const id = newId2();
    this.setTyping(false);
    const time = connection.clock.now();
    sender.add({ id, room: this.id, ...options, time, state: "sending", attempts: 0, tried: false });
    this.#askAgain();
    return id;
  }
  /** Send a failed message again, under the same id. */
  retry(id) {
    this.#context.sender.retry(id);
    this.#askAgain();
  }
  /** Forget a message that was not sent. */
  discard(id) {
    this.#context.sender.remove(/* @__PURE__ */ new Set([id]));
  }
  /**
   * Replace the text of the message `target` (its seq).
   *
   * @throws RoomcastError when the server refuses it, or does not answer at several tries; so do `delete` and `react`
   */
  async edit(target, text) {
    await this.#change("message:edit", { target, text });
  }
  /** Delete the message `target` (its seq). */
  async delete(target) {
    await this.#change("message:delete", { target });
  }
  /** Add (`on`) or take back one's reaction to the message `target` (its seq). */
  async react(target, emoji, on) {
    await this.#change("message:react", { target, emoji, on });
  }
  /** Say that the user is typing, or has stopped. Call it at every key press; what goes out is throttled. */
  setTyping(typing) {
    this.#ownTyping.set(typing);
  }
  /** Say that the user has read everything up to `seq`. It is told at most once a second, and until it is confirmed. */
  markRead(seq) {
    const { user } = this.#context.self();
    if (seq <= (this.#state.read[user] ?? 0)) return;
    this.#context.readMarks.set(this.id, seq, this.#timeline.epoch ?? UNKNOWN_EPOCH);
    this.onReceipt(user, seq);
  }
  // --- reading -------------------------------------------------------------------------------------------------------
  /** Load one page of older messages; does nothing while one is on its way. */
  async loadOlder() {
    if (!this.#state.hasOlder || this.#state.loadingOlder || this.#timeline.isRestarting) return;
    this.#show({ loadingOlder: true });
    const { epoch, events } = this.#timeline;
    try {
      const before = events[0]?.seq ?? this.#timeline.last + 1;
      const payload = { room: this.id, before, limit: this.#context.pageSize };
      const page = await this.#context.connection.call("message:history", payload);
      if (this.#timeline.epoch === epoch) this.#reduce({ type: "history", page });
    } finally {
      this.#show({ loadingOlder: false });
    }
  }
  /**
   * Drop loaded messages beyond about the newest `keep`, to free memory; `loadOlder` brings them back. Edits and
   * reactions count, too. Does nothing while a page of older messages is on its way.
   */
  releaseHistory(keep) {
    if (!this.#state.loadingOlder) this.#reduce({ type: "released", keep: Math.max(1, Math.trunc(keep)) });
  }
  /** Load the first page of the people who are here. */
  async refreshMembers() {
    const answer = await this.#context.connection.call("room:members", { room: this.id });
    this.#context.presence.learn(answer.members);
    const { members, more } = answer;
    const occupancy = more ? Math.max(this.#state.occupancy, members.length + 1) : members.length;
    this.#show({ ...peopleListed(this.#state, members, occupancy), moreMembers: more });
  }
  /** Append the next page of a long list of members. */
  async loadMembers() {
    const after = this.#state.members.at(-1)?.user;
    const payload = { room: this.id, ...after ? { after } : {} };
    const answer = await this.#context.connection.call("room:members", payload);
    this.#context.presence.learn(answer.members);
    const known = new Set(this.#state.members.map((member) => member.user));
    const fresh = answer.members.filter((member) => !known.has(member.user));
    this.#show({ members: [...this.#state.members, ...fresh], moreMembers: answer.more });
  }
  // --- what the client tells its rooms -------------------------------------------------------------------------------
  /** @internal A new session knows nothing of this client: join again, from the last message on. */
  onReady() {
    this.#takeReplayed([]);
    this.#replayUntil = 0;
    this.#ownTyping.reset();
    this.#membership.onReady();
  }
  /** @internal */
  onMessage(message) {
    if (!this.#membership.isWanted) return;
    this.#typing.received(message.user, false);
    const isReplayed = message.epoch === this.#timeline.epoch && message.seq < this.#replayUntil;
    if (!isReplayed) return this.#takeReplayed([message]);
    this.#replayed.push(message);
    this.#replayTimer ??= setTimeout(() => this.#takeReplayed([]), REPLAY_SHOW_MS);
  }
  /** @internal */
  onTyping(user, typing) {
    if (user !== this.#context.self().user) this.#typing.received(user, typing);
  }
  /** @internal */
  onReceipt(user, seq) {
    if (seq > (this.#state.read[user] ?? 0)) this.#show({ read: { ...this.#state.read, [user]: seq } });
  }
  /** @internal */
  onResync() {
    this.#membership.refresh();
  }
  /** @internal */
  onChange(change) {
    if (change.change === "people") {
      this.#context.presence.learn(change.entered ?? []);
      this.#show(peopleChanged(this.#state, change));
    } else if (change.change === "removed" || change.change === "closed") {
      this.#membership.end();
      this.#refused(RoomcastError.of("forbidden", `you were taken out: ${change.change}`));
    }
  }
  /** @internal */
  onDrafts() {
    if (!this.#isReducing) this.#show({});
  }
  /** @internal Our message was kept as `seq`; if its copy does not follow, something was missed. */
  onAcked(seq) {
    this.#ackedSeq = Math.max(seq, this.#ackedSeq);
    this.#echoTimer ??= setTimeout(() => {
      this.#echoTimer = void 0;
      if (this.#timeline.epoch !== null && this.#timeline.last < this.#ackedSeq) this.#membership.refresh();
      this.#ackedSeq = 0;
    }, ECHO_MS);
  }
  /** @internal */
  stop() {
    this.#membership.stop();
    this.#typing.stop();
    clearTimeout(this.#echoTimer);
    clearTimeout(this.#replayTimer);
  }
  // --- joining -------------------------------------------------------------------------------------------------------
  /**
   * Join, and read what was missed.
   *
   * The first join asks for a page, which shows at once and as a whole. Later joins ask for a replay: what was missed
   * arrives as messages, in one round trip. A gateway that does not know replays answers in pages.
   */
  async #catchUp() {
    if (this.#state.phase !== "joined") this.#show({ phase: "joining" });
    for (; ; ) {
      const since = sinceOf(this.#timeline);
      const form = since ? { since, limit: MAX_LIST, replay: true } : { limit: this.#context.pageSize };
      const onAnswer = (answer2) => this.#joined(answer2, since);
      const payload = { room: this.id, ...form };
      const answer = await this.#context.connection.call("room:join", payload, void 0, onAnswer);
      if (!this.#membership.isWanted) return;
      const isFurther = since !== null && this.#timeline.last > since.seq;
      if (!answer.recovered || !answer.more || !isFurther) break;
    }
    this.#context.sender.open(this.id);
    this.#fillGap();
  }
  #joined(answer, since) {
    if (!this.#membership.isWanted) return;
    const read = this.#readAfter(answer);
    this.#replayUntil = isReplay(answer, since) ? answer.seq : 0;
    this.#context.presence.learn(answer.members);
    this.#reduce({ type: "joined", answer, since });
    const people = peopleListed(this.#state, answer.members, answer.occupancy);
    const moreMembers = answer.members.length >= MAX_LIST && answer.occupancy > MAX_LIST;
    this.#show({ phase: "joined", error: null, read, ...people, moreMembers });
  }
  /** Merge the marks of an answer with those known: marks only move forward within an epoch. */
  #readAfter(answer) {
    const read = answer.epoch === this.#timeline.epoch ? { ...this.#state.read } : {};
    for (const [user, seq] of Object.entries(answer.read)) read[user] = Math.max(seq, read[user] ?? 0);
    return read;
  }
  #refused(error) {
    this.#show({ phase: "refused", error });
    this.#context.sender.refuse(this.id, error);
  }
  /** A message for a room that refused this user needs a new answer: the user may have been let in again. */
  #askAgain() {
    if (this.#state.phase === "refused") this.join();
  }
  /** Show messages in the order of their arrival, the replayed ones first. */
  #takeReplayed(live2) {
    clearTimeout(this.#replayTimer);
    this.#replayTimer = void 0;
    const messages = [...this.#replayed, ...live2];
    this.#replayed = [];
    if (messages.length === 0) return;
    this.#reduce({ type: "live", messages });
    this.#fillGap();
  }
  #fillGap() {
    if (this.#timeline.last >= this.#replayUntil) this.#replayUntil = 0;
    if (this.#replayUntil === 0 && hasGap(this.#timeline)) this.#membership.refresh();
  }
  // --- state ---------------------------------------------------------------------------------------------------------
  #reduce(action) {
    const before = this.#timeline;
    this.#timeline = reduceTimeline(before, action);
    if (this.#timeline === before) return;
    this.#isReducing = true;
    this.#forgetDelivered();
    this.#isReducing = false;
    this.#show({ seq: this.#timeline.last, hasOlder: this.#timeline.more, cut: this.#timeline.cut });
  }
  /** Forget the drafts whose copies the log shows. */
  #forgetDelivered() {
    const drafts = new Set(this.#context.sender.draftsOf(this.id).map((draft) => draft.id));
    if (drafts.size === 0) return;
    const { user } = this.#context.self();
    const arrived = this.#timeline.events.filter((event) => event.user === user && drafts.has(event.id));
    if (arrived.length) this.#context.sender.remove(new Set(arrived.map((event) => event.id)));
  }
  #show(part) {
    if (this.#folded.events !== this.#timeline.events) this.#folded = fold(this.#folded, this.#timeline.events);
    const drafts = this.#context.sender.draftsOf(this.id);
    const messages = withDrafts(this.#folded.messages, drafts, this.#context.self());
    this.#state = { ...this.#state, ...part, messages };
    this.#changed.emit(this.#state);
  }
  /** Edit, delete or react under one id, so that trying again is safe. */
  async #change(event, rest) {
    const { connection, newId: newId2, closing } = this.#context;
    const payload = { room: this.id, id: newId2(), ...rest };
    await retrying(() => connection.call(event, payload), CHANGE_ATTEMPTS, RECONNECT, closing);
  }
};
function clampPage(size) {
  return Math.min(Math.max(1, Math.trunc(size)), MAX_LIST);
}

// sdk/src/sender.ts
var MAX_ATTEMPTS = 6;
var MAX_IN_FLIGHT = 32;
var MAX_IN_FLIGHT_OF_ROOM = 8;
var PASSING = /* @__PURE__ */ new Set(["unavailable", "outcome_unknown", "rate_limited", "draining"]);
var PROMPT_MS = 5e3;
var Sender = class {
  #connection;
  #options;
  #changed = new Emitter();
  #acked = new Emitter();
  #inFlight = /* @__PURE__ */ new Map();
  /** Draft → connections that ended soon after it was sent. */
  #losses = /* @__PURE__ */ new Map();
  /** Draft → when to stop trying, by the monotonic clock: the device's may be wrong or change. */
  #deadlines = /* @__PURE__ */ new Map();
  #open = /* @__PURE__ */ new Set();
  /** The null entry pauses all rooms. */
  #paused = /* @__PURE__ */ new Map();
  #storage = new OutboxStorage(null, "");
  #outbox = [];
  constructor(connection, options) {
    this.#connection = connection;
    this.#options = options;
    connection.onState(({ phase }) => {
      if (phase !== "online") this.#open.clear();
    });
    connection.onLost((blame) => this.#lost(blame));
  }
  /** Keep drafts in `storage` from now on, and take over those found there. */
  restore(storage, nowMs) {
    const found = storage.load(nowMs);
    this.#storage = storage;
    for (const draft of found) {
      this.#deadlines.set(draft.id, monotonicMs() + SAFE_RESEND_MS - Math.max(0, nowMs - draft.time));
      this.#apply({ type: "written", draft });
    }
    for (const draft of this.#outbox) storage.save([], [draft]);
  }
  /** Call `listener` with the room whose drafts changed. */
  subscribe(listener) {
    return this.#changed.subscribe(listener);
  }
  /** Call `listener` with each draft that the server has accepted. */
  onAcked(listener) {
    return this.#acked.subscribe(listener);
  }
  /** Return the rooms in which a draft waits to be sent. */
  rooms() {
    return [...new Set(this.#outbox.filter(({ state }) => state === "sending").map(({ room }) => room))];
  }
  draftsOf(room) {
    return this.#outbox.filter((draft) => draft.room === room);
  }
  add(draft) {
    this.#deadlines.set(draft.id, monotonicMs() + SAFE_RESEND_MS);
    this.#apply({ type: "written", draft });
    const fault = this.#faultOf(draft);
    if (fault) this.#fail(draft.id, fault.wire);
    else this.#flush(draft.room);
  }
  retry(id) {
    this.#losses.delete(id);
    this.#deadlines.set(id, monotonicMs() + SAFE_RESEND_MS);
    this.#apply({ type: "retried", id });
    this.#flushAll();
  }
  /** Forget drafts that were thrown away, or found in the room's log. */
  remove(ids) {
    for (const id of ids) {
      this.#losses.delete(id);
      this.#deadlines.delete(id);
    }
    this.#apply({ type: "removed", ids });
  }
  /** Send what waits for this room: it was joined in this session. */
  open(room) {
    this.#open.add(room);
    this.#flush(room);
  }
  /** Fail what waits for this room: it cannot be joined. */
  refuse(room, error) {
    this.#open.delete(room);
    for (const draft of this.draftsOf(room)) if (draft.state === "sending") this.#fail(draft.id, error.wire);
  }
  stop() {
    for (const timer of this.#paused.values()) clearTimeout(timer);
    this.#paused.clear();
    this.#open.clear();
  }
  // --- what goes on the wire -----------------------------------------------------------------------------------------
  #flushAll() {
    for (const room of this.rooms()) this.#flush(room);
  }
  #flush(room) {
    if (!this.#open.has(room) || this.#paused.has(room) || this.#paused.has(null)) return;
    for (const draft of this.draftsOf(room)) {
      if (draft.state !== "sending" || this.#inFlight.has(draft.id)) continue;
      if (!this.#mayGo(draft)) return;
      void this.#send(draft);
    }
  }
  #mayGo(draft) {
    const flights = [...this.#inFlight];
    const inRoom = flights.filter(([, { room }]) => room === draft.room);
    if (flights.length >= MAX_IN_FLIGHT || inRoom.length >= MAX_IN_FLIGHT_OF_ROOM) return false;
    if (inRoom.some(([id]) => this.#losses.has(id))) return false;
    return !this.#losses.has(draft.id) || inRoom.length === 0 && this.#isNextSuspect(draft, flights);
  }
  /** One suspect is on the wire at a time, the least suspected first, so that innocent drafts are cleared. */
  #isNextSuspect(draft, flights) {
    if (flights.some(([id]) => this.#losses.has(id))) return false;
    const losses = (id) => this.#losses.get(id) ?? 0;
    const waiting2 = this.#outbox.filter(
      ({ id, room, state }) => losses(id) && state === "sending" && this.#isReady(room)
    );
    return waiting2.every(({ id }) => losses(draft.id) <= losses(id));
  }
  #isReady(room) {
    return this.#open.has(room) && !this.#paused.has(room);
  }
  async #send(draft) {
    const fault = this.#faultOf(draft);
    if (fault) return this.#fail(draft.id, fault.wire);
    const flight = { room: draft.room, startedMs: monotonicMs() };
    this.#inFlight.set(draft.id, flight);
    this.#apply({ type: "tried", id: draft.id });
    const session = this.#connection.state.ready?.session;
    try {
      const answer = await this.#connection.call("message:send", payloadOf(draft), this.#options.ackTimeoutMs);
      this.#land(draft.id, flight);
      this.#losses.delete(draft.id);
      this.#apply({ type: "acked", id: draft.id, seq: answer.seq, time: answer.time });
      this.#acked.emit({ ...draft, seq: answer.seq });
      this.#flushAll();
    } catch (thrown) {
      if (!this.#land(draft.id, flight)) return;
      const error = RoomcastError.from(thrown);
      const wasCut = !this.#connection.online || this.#connection.state.ready?.session !== session;
      if (error.reason !== "outcome_unknown") this.#apply({ type: "refused", id: draft.id, tried: draft.tried });
      if (!wasCut) this.#refused(draft.id, error);
      this.#flushAll();
    }
  }
  /** End a flight. Returns whether it was still the present one of its draft. */
  #land(id, flight) {
    return this.#inFlight.get(id) === flight && this.#inFlight.delete(id);
  }
  /** Return why the gateway could not accept this draft, or null. */
  #faultOf(draft) {
    return textFault(draft.text ?? "", this.#connection.limits.message_bytes);
  }
  // --- what comes back -----------------------------------------------------------------------------------------------
  #refused(id, error) {
    const draft = this.#outbox.find((one) => one.id === id);
    if (draft?.state !== "sending") return;
    const unknown = draft.tried ? RoomcastError.of("outcome_unknown", error.message) : error;
    if (!error.retryable) return this.#fail(id, error.wire);
    if (this.#isHopeless(draft, error)) return this.#fail(id, unknown.wire);
    const policy = this.#options.resend ?? RESEND;
    const waitMs2 = backoffMs(draft.attempts, Math.random(), policy, error.retryAfterMs);
    this.#pause(error.reason === "rate_limited" ? null : draft.room, waitMs2);
  }
  /**
   * Decide whether to stop trying. While the outcome is unknown, the draft may have been delivered: it is tried again
   * for as long as the server knows its id.
   */
  #isHopeless(draft, error) {
    if (PASSING.has(error.reason)) return monotonicMs() >= (this.#deadlines.get(draft.id) ?? 0);
    return draft.attempts >= MAX_ATTEMPTS;
  }
  /** The connection has ended: find the draft that ended it, if one did. */
  #lost(blame) {
    const soon = monotonicMs() - PROMPT_MS;
    const suspects = [...this.#inFlight].filter(([, { startedMs }]) => startedMs >= soon).map(([id]) => ({ id, losses: (this.#losses.get(id) ?? 0) + 1 }));
    for (const { id, losses } of suspects) this.#losses.set(id, losses);
    const culprit = culpritOf(suspects, blame !== null);
    if (culprit === null) return;
    const detail = "the connection ended each time this message was sent";
    this.#fail(culprit, RoomcastError.of(blame ?? "outcome_unknown", detail).wire);
  }
  #fail(id, error) {
    this.#losses.delete(id);
    this.#inFlight.delete(id);
    this.#apply({ type: "failed", id, error });
  }
  #pause(room, waitMs2) {
    if (this.#paused.has(room)) return;
    const resume = () => {
      this.#paused.delete(room);
      this.#flushAll();
    };
    this.#paused.set(room, setTimeout(resume, waitMs2));
  }
  #apply(action) {
    const before = this.#outbox;
    this.#outbox = reduceOutbox(before, action);
    if (this.#outbox === before) return;
    this.#storage.save(before, this.#outbox);
    for (const room of roomsChanged(before, this.#outbox)) this.#changed.emit(room);
  }
};

// sdk/src/token.ts
var MARGIN_MS = 3e4;
var SHORTEST_WAIT_MS = 5e3;
var LONGEST_TIMER_MS2 = 2 ** 31 - 1;
function refreshInMs(token, serverMs) {
  const { exp, iat } = claimsOf(token);
  if (exp === null) return null;
  const leftMs = exp * 1e3 - serverMs;
  if (leftMs <= 0) return iat !== null && exp > iat ? waitMs((exp - iat) * 1e3) : null;
  return waitMs(leftMs);
}
function waitMs(leftMs) {
  const wait = Math.max(leftMs - MARGIN_MS, leftMs / 2, SHORTEST_WAIT_MS);
  return wait > LONGEST_TIMER_MS2 ? null : wait;
}
function claimsOf(token) {
  try {
    const payload = token.split(".")[1] ?? "";
    const claims = JSON.parse(atob(payload.replace(/-/g, "+").replace(/_/g, "/")));
    return { exp: numeric(claims.exp), iat: numeric(claims.iat) };
  } catch {
    return { exp: null, iat: null };
  }
}
function numeric(claim) {
  return typeof claim === "number" && Number.isFinite(claim) ? claim : null;
}

// sdk/src/token_renewal.ts
var TokenRenewal = class {
  #connection;
  #clock;
  #timer;
  constructor(connection, clock) {
    this.#connection = connection;
    this.#clock = clock;
  }
  /** Plan the next renewal; call it after every `ready`. */
  start() {
    this.stop();
    const waitMs2 = refreshInMs(this.#connection.tokens.current, this.#clock.now());
    if (waitMs2 !== null) this.#timer = setTimeout(() => void this.#renew(), waitMs2);
  }
  stop() {
    clearTimeout(this.#timer);
  }
  /** A failure is tried again while the old token lasts. Afterwards the server closes, and a reconnect fetches one. */
  async #renew() {
    if (!this.#connection.online) return;
    try {
      const token = await this.#connection.tokens.fetch();
      await this.#connection.call("auth:refresh", { token });
    } catch {
    }
    if (this.#connection.online) this.start();
  }
};

// sdk/src/upload.ts
var SEND_ATTEMPTS = 3;
var CHECK_ATTEMPTS = 5;
var Upload = class {
  #connection;
  #transport;
  #abort = new AbortController();
  #changed = new Emitter();
  #state;
  /** Resolves with what the server confirmed; rejects with a RoomcastError, or an AbortError after `cancel`. */
  done;
  /** @internal Use `Client.upload`. */
  constructor({ connection, transport, closing }, room, file, options = {}) {
    this.#connection = connection;
    this.#transport = transport;
    if (closing.aborted) this.#abort.abort();
    closing.addEventListener("abort", () => this.cancel(), { once: true });
    this.#state = { phase: "signing", sentBytes: 0, totalBytes: file.size, error: null, media: null };
    this.done = this.#run(room, file, options);
    this.done.catch(() => {
    });
  }
  /** How far the upload is. */
  get state() {
    return this.#state;
  }
  /** Call `listener` after every change, until the returned function is called. */
  subscribe(listener) {
    return this.#changed.subscribe(listener);
  }
  /** Stop; does nothing once the upload is done or has failed. */
  cancel() {
    if (this.#state.phase === "done" || this.#state.phase === "failed") return;
    this.#abort.abort();
    this.#show({ phase: "cancelled" });
  }
  async #run(room, file, options) {
    try {
      const { name = file.name || "image", ...size } = options;
      const request = { room, name, type: file.type || "application/octet-stream", size: file.size, ...size };
      const signed = await this.#retrying(SEND_ATTEMPTS, () => this.#connection.call("media:sign", request));
      this.#show({ phase: "sending" });
      await this.#retrying(SEND_ATTEMPTS, () => this.#sendBytes(signed, file));
      this.#show({ phase: "checking", sentBytes: file.size });
      const check = () => this.#connection.call("media:complete", { upload: signed.upload });
      const { media } = await this.#retrying(CHECK_ATTEMPTS, check);
      this.#show({ phase: "done", media });
      return media;
    } catch (thrown) {
      if (this.#abort.signal.aborted) throw abortReason(this.#abort.signal);
      const error = RoomcastError.from(thrown);
      this.#show({ phase: "failed", error });
      throw error;
    }
  }
  #sendBytes(signed, file) {
    return this.#transport(signed, file, (sentBytes) => this.#show({ sentBytes }), this.#abort.signal);
  }
  #retrying(attempts, work) {
    return retrying(work, attempts, RESEND, this.#abort.signal);
  }
  #show(part) {
    if (this.#state.phase === "cancelled") return;
    this.#state = { ...this.#state, ...part };
    this.#changed.emit(this.#state);
  }
};
var xhrTransport = (signed, file, onProgress, signal) => new Promise((resolve, reject) => {
  const request = new XMLHttpRequest();
  request.open(signed.method, signed.url);
  for (const [name, value] of Object.entries(signed.headers ?? {})) request.setRequestHeader(name, value);
  request.upload.onprogress = (event) => onProgress(Math.min(event.loaded, file.size));
  request.onload = () => request.status < 300 ? resolve() : reject(storageError(request.status));
  request.onerror = () => reject(RoomcastError.of("unavailable", "the file storage cannot be reached"));
  request.onabort = () => reject(abortReason(signal));
  signal.addEventListener("abort", () => request.abort(), { once: true });
  request.send(bodyOf(signed, file));
});
function bodyOf(signed, file) {
  if (signed.method === "PUT") return file;
  const form = new FormData();
  for (const [name, value] of Object.entries(signed.fields ?? {})) form.append(name, value);
  form.append("file", file);
  return form;
}
function storageError(status) {
  const reason = status >= 500 || status === 429 ? "unavailable" : "media_refused";
  return RoomcastError.of(reason, `the file storage answered ${status}`);
}

// sdk/src/client.ts
function connect(options) {
  const client = new Client(options);
  client.reconnect();
  return client;
}
var Client = class {
  /** Who is online, and one's own status. */
  presence;
  #connection;
  #options;
  #sender;
  #readMarks;
  #renewal;
  #rooms = /* @__PURE__ */ new Map();
  #closing = new AbortController();
  #undos;
  #self = null;
  /** @internal Use `connect`. */
  constructor(options) {
    this.#options = options;
    this.#connection = new Connection(options, () => this.presence.auth);
    this.presence = new Presence(this.#connection, this.#closing.signal);
    this.#sender = new Sender(this.#connection, options);
    this.#readMarks = new ReadMarks(this.#connection);
    this.#renewal = new TokenRenewal(this.#connection, this.#connection.clock);
    this.#undos = [...this.#route(), followNetwork(this.#connection)];
  }
  /** The state of the connection. */
  get state() {
    return this.#connection.state;
  }
  /** The signed-in user; null before the first sign-in. */
  get self() {
    return this.#self;
  }
  /** Call `listener` after every change of the connection, until the returned function is called. */
  onState(listener) {
    return this.#connection.onState(listener);
  }
  /** Call `listener` at every event of this name, until the returned function is called. */
  on(event, listener) {
    return this.#connection.on(event, listener);
  }
  /**
   * Send any event of the protocol, and return what its ack adds to `{ok: true}`.
   *
   * @throws RoomcastError the server's refusal; `outcome_unknown` when no answer came in time (8 s by default) or the
   * connection ended meanwhile; `unavailable`, `bad_request` or `too_large` when nothing was sent
   */
  call(event, payload, timeoutMs) {
    return this.#connection.call(event, payload, timeoutMs);
  }
  /**
   * Connect now instead of after a wait, or again after the server refused the token. Does nothing while online.
   *
   * A browser's own events do that already. React Native has none: call it when the app comes to the front.
   */
  reconnect() {
    this.#connection.connect();
  }
  /** Return the room of this id: the same object every time. `Room.join` enters it. */
  room(id) {
    const known = this.#rooms.get(id);
    if (known) return known;
    const room = new Room(id, {
      connection: this.#connection,
      sender: this.#sender,
      presence: this.presence,
      readMarks: this.#readMarks,
      self: () => this.#self ?? { user: "", name: "" },
      pageSize: clampPage(this.#options.pageSize ?? 50),
      newId,
      closing: this.#closing.signal
    });
    this.#rooms.set(id, room);
    return room;
  }
  /** Return all rooms on the user's list, by room id. */
  async listRooms() {
    const rooms = [];
    for (let after; ; ) {
      const page = await this.call("room:list", { limit: MAX_LIST, ...after !== void 0 ? { after } : {} });
      rooms.push(...page.rooms);
      const next = page.after ?? page.rooms.at(-1)?.room;
      if (!page.more || next === void 0 || next === after) return rooms;
      after = next;
    }
  }
  /** Sign, send and confirm a file. Then send the message: `room.send({media: await upload.done})`. */
  upload(room, file, options) {
    const transport = this.#options.fileTransport ?? xhrTransport;
    return new Upload({ connection: this.#connection, transport, closing: this.#closing.signal }, room, file, options);
  }
  /** End the connection for good and stop every timer. Unsent messages stay in the storage for the next page. */
  close() {
    if (this.#closing.signal.aborted) return;
    this.#readMarks.stop();
    this.#closing.abort();
    for (const undo of this.#undos) undo();
    for (const room of this.#rooms.values()) room.stop();
    this.#renewal.stop();
    this.#sender.stop();
    this.presence.stop();
    this.#connection.close();
  }
  #route() {
    const connection = this.#connection;
    const room = (id) => this.#rooms.get(id);
    return [
      connection.on("ready", (ready) => this.#onReady(ready)),
      connection.on("message", (message) => room(message.room)?.onMessage(message)),
      connection.on("typing", ({ room: id, user, typing }) => room(id)?.onTyping(user, typing)),
      connection.on("receipt", ({ room: id, user, seq }) => room(id)?.onReceipt(user, seq)),
      connection.on("resync", ({ room: id }) => room(id)?.onResync()),
      connection.on("room", (change) => room(change.room)?.onChange(change)),
      this.#sender.subscribe((id) => room(id)?.onDrafts()),
      this.#sender.onAcked((draft) => room(draft.room)?.onAcked(draft.seq ?? 0))
    ];
  }
  #onReady(ready) {
    const isFirst = this.#self === null;
    this.#self = { user: ready.user, name: ready.name || ready.user };
    if (isFirst) this.#restore(ready.user);
    this.#renewal.start();
    this.presence.start(ready.heartbeat_seconds);
    this.#readMarks.onReady();
    for (const room of this.#rooms.values()) room.onReady();
  }
  /** Take over what an earlier page could not tell. Its drafts go out once their rooms are joined again. */
  #restore(user) {
    const { storage = defaultStorage() } = this.#options;
    this.#sender.restore(new OutboxStorage(storage, user), this.#connection.clock.now());
    this.#readMarks.restore(new MarkStorage(storage, user));
    for (const id of this.#sender.rooms()) this.room(id).join();
  }
};

// react/src/session.ts
var GRACE_MS = 1e3;
var Session = class {
  #connect;
  #listeners = /* @__PURE__ */ new Set();
  #rooms = /* @__PURE__ */ new Map();
  #connection = new Lease(() => this.#close());
  #options;
  #client = null;
  constructor(options, connectTo = connect) {
    this.#options = options;
    this.#connect = connectTo;
  }
  /** The client; null on a server, and before the provider's first effect. */
  get client() {
    return this.#client;
  }
  /** Call `listener` when a client comes or goes. An arrow function, because React calls it without its object. */
  subscribe = (listener) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };
  /** Take over the options of the latest render. The next request for a token uses them; the rest waits for a connect. */
  update(options) {
    this.#options = options;
  }
  /** Connect, and stay connected until the returned function is called. */
  open() {
    if (this.#client === null || this.#client.state.phase === "closed") this.#open();
    return this.#connection.take();
  }
  /** Join a room, and stay in it until the returned function is called. */
  enter(client, id) {
    const known = this.#rooms.get(id);
    const lease = known ?? new Lease(() => this.#leave(client, id));
    this.#rooms.set(id, lease);
    const room = client.room(id);
    const { phase } = room.state;
    if (phase === "idle" || phase === "refused" && !known) room.join();
    return lease.take();
  }
  #open() {
    this.#forgetRooms();
    this.#set(this.#connect({ ...this.#options, token: () => this.#options.token() }));
  }
  #close() {
    this.#client?.close();
    this.#forgetRooms();
    this.#set(null);
  }
  #forgetRooms() {
    for (const lease of this.#rooms.values()) lease.stop();
    this.#rooms.clear();
  }
  /** Leave a room. A message that is still on its way goes first: a gateway takes messages from inside a room only. */
  #leave(client, id) {
    const room = client.room(id);
    const isSending = room.state.messages.some((message) => message.state === "sending");
    if (isSending) return this.#rooms.get(id)?.prolong();
    this.#rooms.delete(id);
    void room.leave();
  }
  #set(client) {
    this.#client = client;
    for (const listener of [...this.#listeners]) listener();
  }
};
var Lease = class {
  #end;
  #users = 0;
  #isStopped = false;
  #timer;
  constructor(end) {
    this.#end = end;
  }
  /** Count one user until the returned function is called. */
  take() {
    clearTimeout(this.#timer);
    this.#users += 1;
    let isTaken = true;
    return () => {
      if (!isTaken) return;
      isTaken = false;
      this.#users -= 1;
      if (this.#users === 0) this.prolong();
    };
  }
  /** Do not end it any more: it is gone. */
  stop() {
    clearTimeout(this.#timer);
    this.#isStopped = true;
  }
  /** End it later, unless a new user comes meanwhile. */
  prolong() {
    clearTimeout(this.#timer);
    if (!this.#isStopped) this.#timer = setTimeout(this.#end, GRACE_MS);
  }
};

// react/src/provider.ts
var SessionContext = createContext(null);
function RoomcastProvider({ children, ...options }) {
  const [session] = useState(() => new Session(options));
  useEffect(() => session.update(options));
  useEffect(() => session.open(), [session]);
  return createElement(SessionContext.Provider, { value: session }, children);
}
function useSession() {
  const session = useContext(SessionContext);
  if (session === null) throw new Error("Roomcast's hooks work below a <RoomcastProvider> only");
  return session;
}
function useClient() {
  const session = useSession();
  return useSyncExternalStore(session.subscribe, () => session.client, noClient);
}
function noClient() {
  return null;
}

// react/src/use_connection.ts
import { useMemo } from "react";

// react/src/selection.ts
import { useCallback, useRef, useSyncExternalStore as useSyncExternalStore2 } from "react";
function useSelection(source, pick, fallback) {
  const kept = useRef(fallback);
  const subscribe = useCallback((listener) => source?.subscribe(listener) ?? (() => {
  }), [source]);
  const read = () => {
    const next = source ? pick(source) : fallback;
    if (!hasSameFields(kept.current, next)) kept.current = next;
    return kept.current;
  };
  return useSyncExternalStore2(subscribe, read, () => fallback);
}
function hasSameFields(one, other) {
  const names = Object.keys(one);
  if (names.length !== Object.keys(other).length) return false;
  const [left, right] = [one, other];
  return names.every((name) => Object.is(left[name], right[name]));
}

// react/src/use_connection.ts
var NOT_YET = {
  phase: "connecting",
  attempt: 0,
  retryAtMs: null,
  wasOnline: false,
  draining: false,
  error: null,
  ready: null,
  self: null
};
function useConnection() {
  const client = useClient();
  const source = useMemo(() => client && new ClientState(client), [client]);
  const shown = useSelection(source, shownOf, NOT_YET);
  return useMemo(() => ({ ...shown, reconnect: () => client?.reconnect() }), [shown, client]);
}
var ClientState = class {
  client;
  constructor(client) {
    this.client = client;
  }
  subscribe(listener) {
    return this.client.onState(listener);
  }
};
function shownOf({ client }) {
  return { ...client.state, self: client.self };
}

// react/src/use_messages.ts
import { useMemo as useMemo3 } from "react";

// react/src/use_room.ts
import { useEffect as useEffect2, useMemo as useMemo2 } from "react";
var NOBODY = shownOf2({ state: EMPTY_ROOM });
function useRoom(id) {
  const room = useJoinedRoom(id);
  const shown = useSelection(room, shownOf2, NOBODY);
  return useMemo2(
    () => ({
      ...shown,
      room,
      join: () => room?.join(),
      loadMembers: async () => room?.loadMembers()
    }),
    [shown, room]
  );
}
function useJoinedRoom(id) {
  const session = useSession();
  const client = useClient();
  useEffect2(() => client ? session.enter(client, id) : void 0, [session, client, id]);
  return useMemo2(() => client?.room(id) ?? null, [client, id]);
}
function connected(room) {
  if (room === null) throw RoomcastError.of("unavailable", "the provider has not connected yet");
  return room;
}
function shownOf2({ state }) {
  const { phase, error, occupancy, members, moreMembers, gone, read, seq } = state;
  return { phase, error, occupancy, members, moreMembers, gone, read, seq };
}

// react/src/use_messages.ts
var NO_MESSAGES = shownOf3({ state: EMPTY_ROOM });
function useMessages(id) {
  const room = useJoinedRoom(id);
  const shown = useSelection(room, shownOf3, NO_MESSAGES);
  const actions = useMemo3(() => actionsOf(room), [room]);
  return useMemo3(() => ({ ...shown, ...actions }), [shown, actions]);
}
function shownOf3({ state }) {
  const { messages, hasOlder, loadingOlder, cut } = state;
  return { messages, hasOlder, loadingOlder, cut };
}
function actionsOf(room) {
  return {
    send: (options) => connected(room).send(options),
    retry: (id) => connected(room).retry(id),
    discard: (id) => connected(room).discard(id),
    edit: async (target, text) => connected(room).edit(target, text),
    remove: async (target) => connected(room).delete(target),
    react: async (target, emoji, on) => connected(room).react(target, emoji, on),
    loadOlder: async () => connected(room).loadOlder(),
    markRead: (seq) => connected(room).markRead(seq)
  };
}

// react/src/use_presence.ts
import { useCallback as useCallback2, useEffect as useEffect3, useMemo as useMemo4 } from "react";
var OFFLINE = { status: "offline" };
var UNKNOWN = { status: "online" };
var BETWEEN = " ";
function usePresence(users = []) {
  const client = useClient();
  const source = client?.presence ?? null;
  const list = [...new Set(users)].sort().join(BETWEEN);
  useEffect3(() => source && list ? source.watch(list.split(BETWEEN)) : void 0, [source, list]);
  const pick = useCallback2((from) => pickedOf(from, list), [list]);
  const picked = useSelection(source, pick, UNKNOWN);
  return useMemo4(() => {
    const presence = Object.fromEntries(usersOf(list).map((user) => [user, picked[`${BETWEEN}${user}`] ?? OFFLINE]));
    const setStatus = async (status, note) => {
      if (source === null) throw RoomcastError.of("unavailable", "the provider has not connected yet");
      await source.setStatus(status, note);
    };
    return { presence, status: picked.status, setStatus };
  }, [picked, list, source]);
}
function usersOf(list) {
  return list ? list.split(BETWEEN) : [];
}
function pickedOf(presence, list) {
  const picked = { status: presence.ownStatus };
  for (const user of usersOf(list)) picked[`${BETWEEN}${user}`] = presence.map.get(user) ?? OFFLINE;
  return picked;
}

// react/src/use_typing.ts
import { useMemo as useMemo5 } from "react";
var NO_TYPING = shownOf4({ state: EMPTY_ROOM });
function useTyping(id) {
  const room = useJoinedRoom(id);
  const shown = useSelection(room, shownOf4, NO_TYPING);
  return useMemo5(() => ({ ...shown, setTyping: (typing) => room?.setTyping(typing) }), [shown, room]);
}
function shownOf4({ state }) {
  return { typing: state.typing };
}

// react/src/use_upload.ts
import { useCallback as useCallback3, useMemo as useMemo6, useState as useState2 } from "react";
var NONE = { state: null };
function useUpload(room) {
  const client = useClient();
  const [current, setCurrent] = useState2(null);
  const { state } = useSelection(current, shownOf5, NONE);
  const upload = useCallback3(
    async (file, options) => {
      if (client === null) throw RoomcastError.of("unavailable", "the provider has not connected yet");
      const started = client.upload(room, file, options);
      setCurrent(started);
      return started.done;
    },
    [client, room]
  );
  return useMemo6(() => ({ state, upload, cancel: () => current?.cancel() }), [state, upload, current]);
}
function shownOf5({ state }) {
  return { state };
}
export {
  RoomcastProvider,
  useClient,
  useConnection,
  useMessages,
  usePresence,
  useRoom,
  useTyping,
  useUpload
};
