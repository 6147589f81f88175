/**
 * Brings drafts to the server: in the order written, with the same id at every try, until it says yes or a final no.
 *
 * Drafts of one room are put on the wire one after the other without waiting for acks. After a refusal that a
 * retry can mend, the room pauses, so that what was written later does not overtake.
 */

import { backoffMs, RESEND, type BackoffPolicy } from "./backoff.ts";
import { Emitter, type Undo } from "./emitter.ts";
import { RoomcastError } from "./errors.ts";
import type { Link } from "./link.ts";
import { OutboxStorage, payloadOf, reduceOutbox, type Draft, type Outbox, type OutboxAction } from "./outbox.ts";
import type { RoomId } from "./protocol.ts";

/** Tries on a working connection before a message is shown as failed. */
export const MAX_ATTEMPTS = 6;

/** Messages whose acks are awaited at once; a long outbox must not run into the server's limit on events. */
const MAX_IN_FLIGHT = 32;

export interface SenderOptions {
  ackTimeoutMs?: number;
  resend?: BackoffPolicy;
}

export class Sender {
  readonly #link: Link;
  readonly #options: SenderOptions;
  readonly #changed = new Emitter<RoomId>();
  readonly #acked = new Emitter<Draft>();
  readonly #inFlight = new Set<string>();
  readonly #open = new Set<RoomId>();
  readonly #paused = new Map<RoomId, ReturnType<typeof setTimeout>>();
  #storage = new OutboxStorage(null, "");
  #outbox: Outbox = [];

  constructor(link: Link, options: SenderOptions) {
    this.#link = link;
    this.#options = options;
    link.onState(({ phase }) => {
      if (phase !== "online") this.#open.clear();
    });
  }

  /** Keeps drafts in `storage` from now on, and takes over those found there. */
  restore(storage: OutboxStorage, nowMs: number): void {
    const found = storage.load(nowMs);
    this.#storage = storage;
    for (const draft of found) this.#apply({ type: "written", draft });
    for (const draft of this.#outbox) storage.save([], [draft]);
  }

  /** Called with the room whose drafts changed. */
  subscribe(listener: (room: RoomId) => void): Undo {
    return this.#changed.subscribe(listener);
  }

  /** Called with each draft that the server has accepted. */
  onAcked(listener: (draft: Draft) => void): Undo {
    return this.#acked.subscribe(listener);
  }

  rooms(): RoomId[] {
    return [...new Set(this.#outbox.map((draft) => draft.room))];
  }

  draftsOf(room: RoomId): Draft[] {
    return this.#outbox.filter((draft) => draft.room === room);
  }

  add(draft: Draft): void {
    this.#apply({ type: "written", draft });
    this.#flush(draft.room);
  }

  retry(id: string): void {
    this.#apply({ type: "retried", id });
    const draft = this.#find(id);
    if (draft) this.#flush(draft.room);
  }

  /** Forgets drafts: thrown away, or found in the room's log. */
  remove(ids: ReadonlySet<string>): void {
    this.#apply({ type: "removed", ids });
  }

  /** A room was joined in this session: what waits for it may go. */
  open(room: RoomId): void {
    this.#open.add(room);
    this.#flush(room);
  }

  #flushAll(): void {
    for (const room of this.rooms()) this.#flush(room);
  }

  #flush(room: RoomId): void {
    if (!this.#open.has(room) || this.#paused.has(room)) return;
    for (const draft of this.draftsOf(room)) {
      if (this.#inFlight.size >= MAX_IN_FLIGHT) return;
      if (draft.state === "sending" && !this.#inFlight.has(draft.id)) void this.#send(draft);
    }
  }

  stop(): void {
    for (const timer of this.#paused.values()) clearTimeout(timer);
    this.#paused.clear();
  }

  async #send(draft: Draft): Promise<void> {
    this.#inFlight.add(draft.id);
    this.#apply({ type: "tried", id: draft.id });
    const session = this.#link.state.ready?.session;
    try {
      const answer = await this.#link.call("message:send", payloadOf(draft), this.#options.ackTimeoutMs);
      this.#inFlight.delete(draft.id);
      this.#apply({ type: "acked", id: draft.id, seq: answer.seq, time: answer.time });
      this.#acked.emit({ ...draft, seq: answer.seq });
      this.#flushAll();
    } catch (error) {
      this.#inFlight.delete(draft.id);
      const wasCut = !this.#link.online || this.#link.state.ready?.session !== session;
      this.#refused(draft.id, RoomcastError.from(error), wasCut);
    }
  }

  #refused(id: string, error: RoomcastError, wasCut: boolean): void {
    const draft = this.#find(id);
    if (!draft) return;
    // A broken connection is no answer: the draft goes out again once its room is joined.
    if (wasCut) return;
    if (!error.retryable || draft.attempts >= MAX_ATTEMPTS) {
      this.#apply({ type: "failed", id, error: error.wire });
      return this.#flushAll();
    }
    const policy = this.#options.resend ?? RESEND;
    this.#pause(draft.room, backoffMs(draft.attempts, Math.random(), policy, error.retryAfterMs));
    this.#flushAll();
  }

  #pause(room: RoomId, waitMs: number): void {
    if (this.#paused.has(room)) return;
    const resume = () => (this.#paused.delete(room), this.#flush(room));
    this.#paused.set(room, setTimeout(resume, waitMs));
  }

  #find(id: string): Draft | undefined {
    return this.#outbox.find((draft) => draft.id === id);
  }

  #apply(action: OutboxAction): void {
    const before = this.#outbox;
    this.#outbox = reduceOutbox(before, action);
    if (this.#outbox === before) return;
    this.#storage.save(before, this.#outbox);
    for (const room of touched(before, this.#outbox)) this.#changed.emit(room);
  }
}

function touched(before: Outbox, after: Outbox): Set<RoomId> {
  const old = new Set(before);
  const now = new Set(after);
  const changed = [...after.filter((draft) => !old.has(draft)), ...before.filter((draft) => !now.has(draft))];
  return new Set(changed.map((draft) => draft.room));
}
