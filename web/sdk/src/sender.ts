/**
 * Send drafts to the server: in the order written, with the same id at every try, until the server accepts a draft or
 * refuses it for good.
 *
 * Drafts of one room go on the wire one after the other without waiting for acks. After a retryable refusal the room
 * pauses, so that later drafts do not overtake the refused one. Rooms do not wait for each other: each has a window of
 * its own. A draft suspected of ending connections (`disconnect_cause.ts`) is sent alone in its room.
 */

import { backoffMs, RESEND, type BackoffPolicy } from "./connection/backoff.ts";
import { monotonicMs } from "./connection/clock.ts";
import type { Connection } from "./connection/connection.ts";
import { Emitter, type Undo } from "./emitter.ts";
import { RoomcastError, type Reason, type WireError } from "./errors.ts";
import { culpritOf } from "./disconnect_cause.ts";
import { payloadOf, reduceOutbox, roomsChanged, SAFE_RESEND_MS } from "./outbox.ts";
import type { Draft, Outbox, OutboxAction } from "./outbox.ts";
import { OutboxStorage } from "./unsent_storage.ts";
import { dataFault, textFault } from "./payload_checks.ts";
import type { RoomId } from "./protocol/ids.ts";

/** The number of tries after which a retryable refusal fails a message, unless the reason is in PASSING. */
export const MAX_ATTEMPTS = 6;

/** The most messages on the wire without an ack. The bound keeps a long outbox below the server's limit on events. */
const MAX_IN_FLIGHT = 32;
/** The most messages of one room on the wire without an ack. */
const MAX_IN_FLIGHT_OF_ROOM = 8;

/** Refusals that do not depend on the message and end with time. They do not limit the number of tries. */
const PASSING = new Set<string>(["unavailable", "outcome_unknown", "rate_limited", "draining"] satisfies Reason[]);

/**
 * A message that was sent at most this many milliseconds before its connection ended is a suspect, because a server
 * closes the connection promptly after an unreadable message.
 */
const PROMPT_MS = 5_000;

/** The timeouts and waits of sending. */
export interface SenderOptions {
  /** How long to wait for an ack, in milliseconds; default 8,000. */
  ackTimeoutMs?: number;
  /** The waits between two tries of one message. */
  resend?: BackoffPolicy;
}

/** One try of a draft, from the send until its ack, refusal or timeout. */
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
  /** Draft id → how many connections ended within PROMPT_MS after the draft was sent. */
  readonly #losses = new Map<string, number>();
  /** Draft id → when to stop trying, by the monotonic clock, because the device's clock may be wrong or change. */
  readonly #deadlines = new Map<string, number>();
  readonly #open = new Set<RoomId>();
  /** Room → the timer that ends the room's pause. The null entry pauses all rooms. */
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

  /**
   * From now on, keep the drafts in `storage`, including those written before the user was known.
   *
   * If this page has drafts of another user, they stay in the other user's storage, and this page does not send them.
   */
  keepIn(storage: OutboxStorage): void {
    if (this.#storage.user === storage.user) return;
    if (this.#storage.user !== "") this.#dropAll();
    this.#storage = storage;
    storage.save([], this.#outbox);
  }

  /** Load the stored drafts. They were written before the drafts of this page, so they are sent first. */
  restore(nowMs: number): void {
    const drafts = this.#storage.load(nowMs);
    for (const { id, time } of drafts) {
      if (this.#deadlines.has(id)) continue;
      this.#deadlines.set(id, monotonicMs() + SAFE_RESEND_MS - Math.max(0, nowMs - time));
    }
    this.#apply({ type: "restored", drafts });
  }

  /** Call `listener` with the room whose drafts changed. */
  subscribe(listener: (room: RoomId) => void): Undo {
    return this.#changed.subscribe(listener);
  }

  /** Call `listener` with each draft that the server has accepted. */
  onAcked(listener: (draft: Draft) => void): Undo {
    return this.#acked.subscribe(listener);
  }

  /** Return the rooms that have a draft in state `sending`. */
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

  /** Remove drafts that the user discarded, or that the room's log shows. */
  remove(ids: ReadonlySet<string>): void {
    for (const id of ids) {
      this.#losses.delete(id);
      this.#deadlines.delete(id);
    }
    this.#apply({ type: "removed", ids });
  }

  /** Start sending the room's drafts. Call it once the room is joined in this session. */
  open(room: RoomId): void {
    this.#open.add(room);
    this.#flush(room);
  }

  /** Fail the room's drafts, because the server refused the join. */
  refuse(room: RoomId, error: RoomcastError): void {
    this.#open.delete(room);
    for (const draft of this.draftsOf(room)) if (draft.state === "sending") this.#fail(draft.id, error.wire);
  }

  stop(): void {
    for (const timer of this.#paused.values()) clearTimeout(timer);
    this.#paused.clear();
    this.#open.clear();
  }

  /** Forget all drafts without deleting them from the storage. */
  #dropAll(): void {
    const rooms = roomsChanged(this.#outbox, []);
    this.#outbox = [];
    this.#inFlight.clear();
    this.#losses.clear();
    this.#deadlines.clear();
    for (const room of rooms) this.#changed.emit(room);
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
    // Drafts of a room wait for a suspect ahead of them, so that their order is kept.
    if (inRoom.some(([id]) => this.#losses.has(id))) return false;
    return !this.#losses.has(draft.id) || (inRoom.length === 0 && this.#isNextSuspect(draft, flights));
  }

  /** Return whether a suspect may be sent: one at a time, the fewest losses first. An ack clears a harmless draft. */
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
    const fault = this.#faultOf(draft) ?? this.#expiryOf(draft);
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
      // If this flight is not the draft's present one, the draft has failed and the user may have sent it again.
      if (!this.#land(draft.id, flight)) return;
      const error = RoomcastError.from(thrown);
      const wasCut = !this.#connection.online || this.#connection.state.ready?.session !== session;
      if (error.reason !== "outcome_unknown") this.#apply({ type: "refused", id: draft.id, tried: draft.tried });
      // After a lost connection the draft is sent again once its room is joined.
      if (!wasCut) this.#refused(draft.id, error);
      this.#flushAll();
    }
  }

  /** End a flight. Return whether the flight was still the draft's present one. */
  #land(id: string, flight: Flight): boolean {
    return this.#inFlight.get(id) === flight && this.#inFlight.delete(id);
  }

  /** Return why the gateway could not accept this draft, or null. */
  #faultOf(draft: Draft): RoomcastError | null {
    const fault = textFault(draft.text ?? "", this.#connection.limits.message_bytes);
    return fault ?? (draft.data ? dataFault(draft.data) : null);
  }

  /** Return `outcome_unknown` if the server may have stored this draft, and may have forgotten its id since. */
  #expiryOf(draft: Draft): RoomcastError | null {
    if (!draft.tried || monotonicMs() < (this.#deadlines.get(draft.id) ?? 0)) return null;
    return RoomcastError.of("outcome_unknown", "it may have been delivered before the connection was lost");
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
    // The server's limit on events covers all rooms, so all of them pause.
    this.#pause(error.reason === "rate_limited" ? null : draft.room, waitMs);
  }

  /**
   * Decide whether to stop trying. After a passing refusal the draft is sent again until its deadline. A `retry_after`
   * beyond the deadline ends the tries: a draft of a user whose daily allowance is used up should not delay the outbox
   * until tomorrow.
   */
  #isHopeless(draft: Draft, error: RoomcastError): boolean {
    if (PASSING.has(error.reason)) {
      return monotonicMs() + error.retryAfterMs >= (this.#deadlines.get(draft.id) ?? 0);
    }
    return draft.attempts >= MAX_ATTEMPTS;
  }

  /** Count a lost connection against the drafts just sent. If one draft certainly caused the loss, fail that draft. */
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
