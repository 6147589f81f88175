/**
 * Bring drafts to the server: in the order written, with the same id at every try, until the server accepts a draft or
 * refuses it for good.
 *
 * Drafts of one room go on the wire one after the other without waiting for acks. After a refusal that a retry can
 * mend, the room pauses, so that later drafts do not overtake. Rooms do not wait for each other: each has a window of
 * its own, and a draft that seems to end connections is sent alone.
 */

import { backoffMs, RESEND, type BackoffPolicy } from "./connection/backoff.ts";
import { monotonicMs } from "./connection/clock.ts";
import type { Connection } from "./connection/connection.ts";
import { Emitter, type Undo } from "./emitter.ts";
import { RoomcastError, type Reason, type WireError } from "./errors.ts";
import { culpritOf } from "./loss.ts";
import { payloadOf, reduceOutbox, roomsChanged, SAFE_RESEND_MS } from "./outbox.ts";
import type { Draft, Outbox, OutboxAction } from "./outbox.ts";
import { OutboxStorage } from "./outbox_storage.ts";
import { dataFault, textFault } from "./payload.ts";
import type { RoomId } from "./protocol.ts";

/** Refusals on a working connection before a message is shown as failed. */
export const MAX_ATTEMPTS = 6;

/** Messages whose acks are awaited at once; a long outbox must not run into the server's limit on events. */
const MAX_IN_FLIGHT = 32;
const MAX_IN_FLIGHT_OF_ROOM = 8;

/** Refusals that pass with time and say nothing about the message. They are tried again without a limit on tries. */
const PASSING = new Set<string>(["unavailable", "outcome_unknown", "rate_limited", "draining"] satisfies Reason[]);

/** A server that closes because of a message does so at once: a later loss is no evidence against it. */
const PROMPT_MS = 5_000;

/** How patiently messages are sent. */
export interface SenderOptions {
  /** How long to wait for an ack, in milliseconds; default 8,000. */
  ackTimeoutMs?: number;
  /** The waits between two tries of one message. */
  resend?: BackoffPolicy;
}

interface Flight {
  room: RoomId;
  startedMs: number;
}

export class Sender {
  readonly #connection: Connection;
  readonly #options: SenderOptions;
  readonly #changed = new Emitter<RoomId>();
  readonly #acked = new Emitter<Draft>();
  readonly #inFlight = new Map<string, Flight>();
  /** Draft → connections that ended soon after it was sent. */
  readonly #losses = new Map<string, number>();
  /** Draft → when to stop trying, by the monotonic clock: the device's may be wrong or change. */
  readonly #deadlines = new Map<string, number>();
  readonly #open = new Set<RoomId>();
  /** The null entry pauses all rooms. */
  readonly #paused = new Map<RoomId | null, ReturnType<typeof setTimeout>>();
  #storage = new OutboxStorage(null, "");
  #outbox: Outbox = [];

  constructor(connection: Connection, options: SenderOptions) {
    this.#connection = connection;
    this.#options = options;
    connection.onState(({ phase }) => {
      if (phase !== "online") this.#open.clear();
    });
    connection.onLost((blame) => this.#lost(blame));
  }

  /** Keep drafts in `storage` from now on, and take over those found there. */
  restore(storage: OutboxStorage, nowMs: number): void {
    const found = storage.load(nowMs);
    this.#storage = storage;
    for (const draft of found) {
      this.#deadlines.set(draft.id, monotonicMs() + SAFE_RESEND_MS - Math.max(0, nowMs - draft.time));
      this.#apply({ type: "written", draft });
    }
    for (const draft of this.#outbox) storage.save([], [draft]);
  }

  /** Call `listener` with the room whose drafts changed. */
  subscribe(listener: (room: RoomId) => void): Undo {
    return this.#changed.subscribe(listener);
  }

  /** Call `listener` with each draft that the server has accepted. */
  onAcked(listener: (draft: Draft) => void): Undo {
    return this.#acked.subscribe(listener);
  }

  /** Return the rooms in which a draft waits to be sent. */
  rooms(): RoomId[] {
    return [...new Set(this.#outbox.filter(({ state }) => state === "sending").map(({ room }) => room))];
  }

  draftsOf(room: RoomId): Draft[] {
    return this.#outbox.filter((draft) => draft.room === room);
  }

  add(draft: Draft): void {
    this.#deadlines.set(draft.id, monotonicMs() + SAFE_RESEND_MS);
    this.#apply({ type: "written", draft });
    const fault = this.#faultOf(draft);
    if (fault) this.#fail(draft.id, fault.wire);
    else this.#flush(draft.room);
  }

  retry(id: string): void {
    this.#losses.delete(id);
    this.#deadlines.set(id, monotonicMs() + SAFE_RESEND_MS);
    this.#apply({ type: "retried", id });
    this.#flushAll();
  }

  /** Forget drafts that were thrown away, or found in the room's log. */
  remove(ids: ReadonlySet<string>): void {
    for (const id of ids) {
      this.#losses.delete(id);
      this.#deadlines.delete(id);
    }
    this.#apply({ type: "removed", ids });
  }

  /** Send what waits for this room: it was joined in this session. */
  open(room: RoomId): void {
    this.#open.add(room);
    this.#flush(room);
  }

  /** Fail what waits for this room: it cannot be joined. */
  refuse(room: RoomId, error: RoomcastError): void {
    this.#open.delete(room);
    for (const draft of this.draftsOf(room)) if (draft.state === "sending") this.#fail(draft.id, error.wire);
  }

  stop(): void {
    for (const timer of this.#paused.values()) clearTimeout(timer);
    this.#paused.clear();
    this.#open.clear();
  }

  // --- what goes on the wire -----------------------------------------------------------------------------------------

  #flushAll(): void {
    for (const room of this.rooms()) this.#flush(room);
  }

  #flush(room: RoomId): void {
    if (!this.#open.has(room) || this.#paused.has(room) || this.#paused.has(null)) return;
    for (const draft of this.draftsOf(room)) {
      if (draft.state !== "sending" || this.#inFlight.has(draft.id)) continue;
      if (!this.#mayGo(draft)) return;
      void this.#send(draft);
    }
  }

  #mayGo(draft: Draft): boolean {
    const flights = [...this.#inFlight];
    const inRoom = flights.filter(([, { room }]) => room === draft.room);
    if (flights.length >= MAX_IN_FLIGHT || inRoom.length >= MAX_IN_FLIGHT_OF_ROOM) return false;
    // Behind a suspect its room waits, so that the order stays.
    if (inRoom.some(([id]) => this.#losses.has(id))) return false;
    return !this.#losses.has(draft.id) || (inRoom.length === 0 && this.#isNextSuspect(draft, flights));
  }

  /** One suspect is on the wire at a time, the least suspected first, so that innocent drafts are cleared. */
  #isNextSuspect(draft: Draft, flights: [string, Flight][]): boolean {
    if (flights.some(([id]) => this.#losses.has(id))) return false;
    const losses = (id: string) => this.#losses.get(id) ?? 0;
    const waiting = this.#outbox.filter(
      ({ id, room, state }) => losses(id) && state === "sending" && this.#isReady(room),
    );
    return waiting.every(({ id }) => losses(draft.id) <= losses(id));
  }

  #isReady(room: RoomId): boolean {
    return this.#open.has(room) && !this.#paused.has(room);
  }

  async #send(draft: Draft): Promise<void> {
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
      // Meanwhile the draft may have failed and been retried by hand: that try is on the wire now.
      if (!this.#land(draft.id, flight)) return;
      const error = RoomcastError.from(thrown);
      const wasCut = !this.#connection.online || this.#connection.state.ready?.session !== session;
      if (error.reason !== "outcome_unknown") this.#apply({ type: "refused", id: draft.id, tried: draft.tried });
      // A lost connection is no answer: the draft goes out again once its room is joined.
      if (!wasCut) this.#refused(draft.id, error);
      this.#flushAll();
    }
  }

  /** End a flight. Returns whether it was still the present one of its draft. */
  #land(id: string, flight: Flight): boolean {
    return this.#inFlight.get(id) === flight && this.#inFlight.delete(id);
  }

  /** Return why the gateway could not accept this draft, or null. */
  #faultOf(draft: Draft): RoomcastError | null {
    const fault = textFault(draft.text ?? "", this.#connection.limits.message_bytes);
    return fault ?? (draft.data ? dataFault(draft.data) : null);
  }

  // --- what comes back -----------------------------------------------------------------------------------------------

  #refused(id: string, error: RoomcastError): void {
    const draft = this.#outbox.find((one) => one.id === id);
    if (draft?.state !== "sending") return;
    const unknown = draft.tried ? RoomcastError.of("outcome_unknown", error.message) : error;
    if (!error.retryable) return this.#fail(id, error.wire);
    if (this.#isHopeless(draft, error)) return this.#fail(id, unknown.wire);
    const policy = this.#options.resend ?? RESEND;
    const waitMs = backoffMs(draft.attempts, Math.random(), policy, error.retryAfterMs);
    // The server's limit on events counts those of all rooms.
    this.#pause(error.reason === "rate_limited" ? null : draft.room, waitMs);
  }

  /**
   * Decide whether to stop trying. While the outcome is unknown, the draft may have been delivered: it is tried again
   * for as long as the server knows its id. A refusal that holds for longer than that is final: a user who may write
   * nothing more today should not hold up the outbox until tomorrow.
   */
  #isHopeless(draft: Draft, error: RoomcastError): boolean {
    if (PASSING.has(error.reason)) {
      return monotonicMs() + error.retryAfterMs >= (this.#deadlines.get(draft.id) ?? 0);
    }
    return draft.attempts >= MAX_ATTEMPTS;
  }

  /** The connection has ended: find the draft that ended it, if one did. */
  #lost(blame: Reason | null): void {
    const soon = monotonicMs() - PROMPT_MS;
    const suspects = [...this.#inFlight]
      .filter(([, { startedMs }]) => startedMs >= soon)
      .map(([id]) => ({ id, losses: (this.#losses.get(id) ?? 0) + 1 }));
    for (const { id, losses } of suspects) this.#losses.set(id, losses);
    const culprit = culpritOf(suspects, blame !== null);
    if (culprit === null) return;
    const detail = "the connection ended each time this message was sent";
    this.#fail(culprit, RoomcastError.of(blame ?? "outcome_unknown", detail).wire);
  }

  #fail(id: string, error: WireError): void {
    this.#losses.delete(id);
    this.#inFlight.delete(id);
    this.#apply({ type: "failed", id, error });
  }

  #pause(room: RoomId | null, waitMs: number): void {
    if (this.#paused.has(room)) return;
    const resume = () => {
      this.#paused.delete(room);
      this.#flushAll();
    };
    this.#paused.set(room, setTimeout(resume, waitMs));
  }

  #apply(action: OutboxAction): void {
    const before = this.#outbox;
    this.#outbox = reduceOutbox(before, action);
    if (this.#outbox === before) return;
    this.#storage.save(before, this.#outbox);
    for (const room of roomsChanged(before, this.#outbox)) this.#changed.emit(room);
  }
}
