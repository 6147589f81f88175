/**
 * Keep this client's copy of one room's log complete and in order: join, recover missed entries, fill gaps.
 *
 * `timeline.ts` has the rules for the copy. This module sends the requests and sets the timers.
 */

import { timelineOf, type KeptRoom } from "./cached_room.ts";
import type { Connection } from "./connection/connection.ts";
import type { RoomcastError } from "./errors.ts";
import { Membership } from "./join_and_leave.ts";
import { MAX_LIST } from "./protocol/limits.ts";
import type { RoomId } from "./protocol/ids.ts";
import type { Message, Since } from "./protocol/messages.ts";
import type { JoinAnswer } from "./protocol/rooms.ts";
import { EMPTY_TIMELINE, hasGap, isReplay, reduceTimeline, sinceOf } from "./timeline.ts";
import type { Timeline, TimelineAction } from "./timeline.ts";

/** Milliseconds after an ack within which the message itself must arrive; else the client has missed a message. */
const ECHO_MS = 2_000;
/** Milliseconds for which replayed messages are collected, to be shown together. */
const REPLAY_SHOW_MS = 50;

/** The functions of a room that its log calls. */
export interface RoomLogSteps {
  /** A request to join begins. */
  joining(): void;
  /** The server has answered a join. `isSameEpoch`: the log had this epoch before the answer. */
  joined(answer: JoinAnswer, isSameEpoch: boolean): void;
  /** The room is joined, and all missed entries were requested. */
  caughtUp(): void;
  /** The server has refused the join. */
  refused(error: RoomcastError): void;
  /** The log has changed. */
  changed(): void;
}

export class RoomLog {
  readonly #room: RoomId;
  readonly #connection: Connection;
  readonly #pageSize: number;
  readonly #steps: RoomLogSteps;
  readonly #membership: Membership;
  #timeline: Timeline = EMPTY_TIMELINE;
  /** The last seq of the replay under way; 0 when there is none. */
  #replayUntil = 0;
  #replayed: Message[] = [];
  #replayTimer: ReturnType<typeof setTimeout> | undefined;
  /** The highest seq in an ack for a message of this client; 0 when all acked messages have arrived. */
  #ackedSeq = 0;
  #echoTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(room: RoomId, connection: Connection, pageSize: number, steps: RoomLogSteps) {
    this.#room = room;
    this.#connection = connection;
    this.#pageSize = pageSize;
    this.#steps = steps;
    this.#membership = new Membership(room, connection, {
      enter: () => this.#catchUp(),
      refused: (error) => steps.refused(error),
    });
  }

  get timeline(): Timeline {
    return this.#timeline;
  }

  /** Whether the application wants to be in the room. */
  get isWanted(): boolean {
    return this.#membership.isWanted;
  }

  join(): void {
    this.#membership.join();
  }

  leave(): Promise<void> {
    return this.#membership.leave();
  }

  /** Join again, to read missing entries. */
  refresh(): void {
    this.#membership.refresh();
  }

  /** Stop joining, because the server has ended the membership. */
  end(): void {
    this.#membership.end();
  }

  /** Join again and recover the missed messages: a new session is in no room yet. */
  onReady(): void {
    this.#takeReplayed([]);
    this.#replayUntil = 0;
    this.#membership.onReady();
  }

  onMessage(message: Message): void {
    const isReplayed = message.epoch === this.#timeline.epoch && message.seq < this.#replayUntil;
    if (!isReplayed) return this.#takeReplayed([message]);
    this.#replayed.push(message);
    this.#replayTimer ??= setTimeout(() => this.#takeReplayed([]), REPLAY_SHOW_MS);
  }

  /** Join again if the message that was acked as `seq` does not arrive within 1 to 2 times ECHO_MS. */
  onAcked(seq: number): void {
    this.#ackedSeq = Math.max(seq, this.#ackedSeq);
    this.#echoTimer ??= this.#awaitEcho(this.#ackedSeq);
  }

  /** Load one page of older entries. */
  async loadOlder(): Promise<void> {
    const { epoch, events, last } = this.#timeline;
    const before = events[0]?.seq ?? last + 1;
    const payload = { room: this.#room, before, limit: this.#pageSize };
    const page = await this.#connection.call("message:history", payload);
    if (this.#timeline.epoch === epoch) this.#reduce({ type: "history", page });
  }

  /** Drop the loaded entries except the newest `keep`. */
  release(keep: number): void {
    this.#reduce({ type: "released", keep: Math.max(1, Math.trunc(keep)) });
  }

  /** Show the entries of the room cache until the server has answered. */
  restore(kept: KeptRoom): void {
    this.#timeline = timelineOf(kept);
  }

  /** Drop the entries of the room cache. */
  dropKept(): void {
    this.#timeline = EMPTY_TIMELINE;
  }

  stop(): void {
    this.#membership.stop();
    clearTimeout(this.#echoTimer);
    clearTimeout(this.#replayTimer);
  }

  /**
   * Join, and recover missed entries.
   *
   * A join without a known position requests a page of entries, so that they are shown together. With a known position
   * the client requests a replay: the missed entries arrive as `message` events after one round trip. A gateway that
   * does not support replays answers in pages.
   */
  async #catchUp(): Promise<void> {
    this.#steps.joining();
    for (;;) {
      const since = sinceOf(this.#timeline);
      const form = since ? { since, limit: MAX_LIST, replay: true } : { limit: this.#pageSize };
      const onAnswer = (answer: JoinAnswer) => this.#joined(answer, since);
      const payload = { room: this.#room, ...form };
      const answer = await this.#connection.call("room:join", payload, undefined, onAnswer);
      if (!this.isWanted) return;
      const isFurther = since !== null && this.#timeline.last > since.seq;
      if (!answer.recovered || !answer.more || !isFurther) break;
    }
    this.#steps.caughtUp();
    this.#fillGap();
  }

  #joined(answer: JoinAnswer, since: Since | null): void {
    if (!this.isWanted) return;
    const isSameEpoch = answer.epoch === this.#timeline.epoch;
    this.#replayUntil = isReplay(answer, since) ? answer.seq : 0;
    this.#reduce({ type: "joined", answer, since });
    this.#steps.joined(answer, isSameEpoch);
  }

  #awaitEcho(seq: number): ReturnType<typeof setTimeout> {
    return setTimeout(() => {
      this.#echoTimer = undefined;
      const isMissing = this.#timeline.epoch !== null && this.#timeline.last < seq;
      if (isMissing) this.refresh();
      else if (this.#timeline.last < this.#ackedSeq) {
        this.#echoTimer = this.#awaitEcho(this.#ackedSeq);
        return;
      }
      this.#ackedSeq = 0;
    }, ECHO_MS);
  }

  /** Add the collected replayed messages, then `live`, to the log. */
  #takeReplayed(live: Message[]): void {
    clearTimeout(this.#replayTimer);
    this.#replayTimer = undefined;
    const messages = [...this.#replayed, ...live];
    this.#replayed = [];
    if (messages.length === 0) return;
    this.#reduce({ type: "live", messages });
    this.#fillGap();
  }

  #fillGap(): void {
    if (this.#timeline.last >= this.#replayUntil) this.#replayUntil = 0;
    if (this.#replayUntil === 0 && hasGap(this.#timeline)) this.refresh();
  }

  #reduce(action: TimelineAction): void {
    const before = this.#timeline;
    this.#timeline = reduceTimeline(before, action);
    if (this.#timeline !== before) this.#steps.changed();
  }
}
