/** Show one room to the application: join it, keep its messages complete, and write to it. */

import { RECONNECT } from "./connection/backoff.ts";
import type { Connection } from "./connection/connection.ts";
import { checkCustomEvent, CustomListeners, type EmitOptions } from "./custom_events.ts";
import { Emitter, type Undo } from "./emitter.ts";
import { RoomcastError } from "./errors.ts";
import { keptOf, timelineOf, type KeptRoom } from "./cached_room.ts";
import { Membership } from "./join_and_leave.ts";
import { jsonCopy } from "./payload_checks.ts";
import { peopleChanged, peopleListed, personRenamed } from "./room_people.ts";
import type { Presence } from "./presence.ts";
import { MAX_LIST } from "./protocol.ts";
import type {
  AppTypes,
  CustomEvent,
  CustomEventName,
  CustomEvents,
  JoinAnswer,
  Message,
  MessageData,
  Payload,
  RoomChange,
  RoomId,
  Since,
  UserId,
} from "./protocol.ts";
import { UNKNOWN_EPOCH, type ReadMarks } from "./read_marks.ts";
import { retrying } from "./connection/retry.ts";
import type { RoomCache } from "./room_cache.ts";
import { EMPTY_ROOM, type EditOptions, type RoomState, type SendOptions } from "./room_state.ts";
import type { Sender } from "./sender.ts";
import { EMPTY_TIMELINE, hasGap, isReplay, reduceTimeline, sinceOf } from "./timeline.ts";
import type { Timeline, TimelineAction } from "./timeline.ts";
import { OwnTypingIndicator, TypingWatch } from "./typing_timers.ts";
import { fold, NOTHING_FOLDED, withDrafts } from "./message_view.ts";

/** The parts of the client that a room uses. */
export interface RoomContext {
  connection: Connection;
  sender: Sender;
  presence: Presence;
  readMarks: ReadMarks;
  /** Null if `ConnectOptions.roomCache` is off. */
  cache: RoomCache | null;
  self: () => { user: UserId; name: string };
  pageSize: number;
  newId: () => string;
  /** Aborted when the client closes. */
  closing: AbortSignal;
}

/** Milliseconds after an ack within which the message itself must arrive; else the client has missed a message. */
const ECHO_MS = 2_000;
/** Milliseconds for which replayed messages are collected, to be shown together. */
const REPLAY_SHOW_MS = 50;
const CHANGE_ATTEMPTS = 3;

/** One room, from `Client.room`. */
export class Room<A extends AppTypes = AppTypes> {
  readonly id: RoomId;
  readonly #context: RoomContext;
  readonly #changed = new Emitter<RoomState>();
  readonly #membership: Membership;
  #state = EMPTY_ROOM;
  #timeline: Timeline = EMPTY_TIMELINE;
  #folded = NOTHING_FOLDED;
  /** True while the log changes. Removing the drafts that the log now shows must not emit a state of its own. */
  #isReducing = false;
  /** The last seq of the replay under way; 0 when there is none. */
  #replayUntil = 0;
  #replayed: Message[] = [];
  #replayTimer: ReturnType<typeof setTimeout> | undefined;
  readonly #typing = new TypingWatch((typing) => this.#show({ typing }));
  readonly #ownTyping: OwnTypingIndicator;
  readonly #custom = new CustomListeners();
  #ackedSeq = 0;
  #echoTimer: ReturnType<typeof setTimeout> | undefined;

  /** @internal Use `Client.room`. */
  constructor(id: RoomId, context: RoomContext) {
    const { connection } = context;
    this.id = id;
    this.#context = context;
    this.#ownTyping = new OwnTypingIndicator((typing) => connection.drop("typing", { room: id, typing }));
    this.#membership = new Membership(id, connection, {
      enter: () => this.#catchUp(),
      refused: (error) => this.#refused(error),
    });
  }

  /** The current state of the room. */
  get state(): RoomState<MessageData<A>> {
    return this.#state as RoomState<MessageData<A>>;
  }

  /** Call `listener` with the state after every change, until the returned function is called. */
  subscribe(listener: (state: RoomState<MessageData<A>>) => void): Undo {
    return this.#changed.subscribe(listener as (state: RoomState) => void);
  }

  /** Join the room and stay joined, over reconnects, until `leave`. */
  join(): void {
    this.#membership.join();
  }

  /** Leave the room. The state keeps its messages. */
  async leave(): Promise<void> {
    this.#show({ phase: "idle", error: null });
    await this.#membership.leave();
  }

  // --- writing -------------------------------------------------------------------------------------------------------

  /**
   * Write a message. It shows at once as `sending`, is sent once the room is joined, and becomes `sent` or `failed`.
   *
   * @returns the id under which it can be retried or discarded
   * @throws TypeError for data that cannot be written as JSON
   */
  send({ data, ...options }: SendOptions<MessageData<A>>): string {
    const { newId, sender, connection } = this.#context;
    const id = newId();
    const draft = { id, room: this.id, ...options, ...(data ? { data: jsonCopy(data) } : {}) };
    this.setTyping(false);
    const time = connection.clock.now();
    sender.add({ ...draft, time, state: "sending", attempts: 0, tried: false });
    this.#askAgain();
    return id;
  }

  /** Send a failed message again, under the same id. */
  retry(id: string): void {
    this.#context.sender.retry(id);
    this.#askAgain();
  }

  /** Forget a message that was not sent. */
  discard(id: string): void {
    this.#context.sender.remove(new Set([id]));
  }

  /**
   * Replace the text of the message `target` (its seq). Pass an object to replace its text, its data or both.
   *
   * @throws RoomcastError when the server refuses, or does not answer any of several tries. `delete` and `react` throw
   * the same errors.
   */
  async edit(target: number, change: string | EditOptions<MessageData<A>>): Promise<void> {
    await this.#change("message:edit", { target, ...(typeof change === "string" ? { text: change } : change) });
  }

  /** Delete the message `target` (its seq). */
  async delete(target: number): Promise<void> {
    await this.#change("message:delete", { target });
  }

  /** Add (`on`) or remove the user's reaction to the message `target` (its seq). */
  async react(target: number, emoji: string, on: boolean): Promise<void> {
    await this.#change("message:react", { target, emoji, on });
  }

  /** Report that the user is typing, or has stopped. Call it at every key press; the SDK throttles the events. */
  setTyping(typing: boolean): void {
    this.#ownTyping.set(typing);
  }

  /** Set the user's read mark to `seq`. The SDK sends it at most once a second, and again until the server confirms. */
  markRead(seq: number): void {
    const { user } = this.#context.self();
    if (this.#timeline.isKept || seq <= (this.#state.read[user] ?? 0)) return;
    this.#context.readMarks.set(this.id, seq, this.#timeline.epoch ?? UNKNOWN_EPOCH);
    this.onReceipt(user, seq);
  }

  // --- custom events -------------------------------------------------------------------------------------------------

  /**
   * Send a custom event to the other clients that have joined the room. The event is neither stored nor sent later.
   * Send at most 20 a second; the gateway drops the rest.
   *
   * @returns whether the event went on the wire; false while the room is not joined
   * @throws RoomcastError `bad_request` or `too_large` for a name or data that no gateway accepts
   */
  emit<E extends CustomEventName<A>>(event: E, data: CustomEvents<A>[E], options: EmitOptions = {}): boolean {
    checkCustomEvent(event, data as object);
    if (this.#state.phase !== "joined") return false;
    const payload = { room: this.id, event, data, ...(options.asInvisible ? { as_invisible: true } : {}) };
    return this.#context.connection.drop("room:emit", payload);
  }

  /** Call `listener` at every event of this name in the room, from users and back ends, until the undo is called. */
  on<E extends CustomEventName<A>>(event: E, listener: (event: CustomEvent<CustomEvents<A>[E]>) => void): Undo {
    return this.#custom.on(event, listener as (event: CustomEvent) => void);
  }

  // --- reading -------------------------------------------------------------------------------------------------------

  /** Load one page of older messages. Does nothing while another page is loading, or the cached state is shown. */
  async loadOlder(): Promise<void> {
    if (!this.#state.hasOlder || this.#state.loadingOlder || this.#timeline.isRestarting || this.#timeline.isKept)
      return;
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
   * Drop the loaded entries except the newest `keep`, to free memory; `loadOlder` loads the older ones again. Edits and
   * reactions count as entries. Does nothing while a page of older messages is loading.
   */
  releaseHistory(keep: number): void {
    if (!this.#state.loadingOlder) this.#reduce({ type: "released", keep: Math.max(1, Math.trunc(keep)) });
  }

  /** Load the first page of the people who are here. */
  async refreshMembers(): Promise<void> {
    const answer = await this.#context.connection.call("room:members", { room: this.id });
    this.#context.presence.learn(answer.members);
    const { members, more } = answer;
    const occupancy = more ? Math.max(this.#state.occupancy, members.length + 1) : members.length;
    this.#show({ ...peopleListed(this.#state, members, occupancy), moreMembers: more });
  }

  /** Append the next page of a long list of members. */
  async loadMembers(): Promise<void> {
    const after = this.#state.members.at(-1)?.user;
    const payload = { room: this.id, ...(after ? { after } : {}) };
    const answer = await this.#context.connection.call("room:members", payload);
    this.#context.presence.learn(answer.members);
    const known = new Set(this.#state.members.map((member) => member.user));
    const fresh = answer.members.filter((member) => !known.has(member.user));
    this.#show({ members: [...this.#state.members, ...fresh], moreMembers: answer.more });
  }

  // --- calls from the client -----------------------------------------------------------------------------------------

  /** @internal Show the state from the room cache, until the server has answered. */
  restore({ read, ...kept }: KeptRoom): void {
    if (this.#timeline.epoch !== null || this.#state.phase === "refused") return;
    this.#timeline = timelineOf({ read, ...kept });
    this.#show({ ...this.#shownOfTimeline(), read: { ...read, ...this.#state.read } });
  }

  /** @internal Stop showing the state from the room cache: it belongs to another user, or the user may not enter. */
  dropKept(): void {
    if (!this.#timeline.isKept) return;
    this.#timeline = EMPTY_TIMELINE;
    this.#show({ ...this.#shownOfTimeline(), read: {} });
  }

  /** @internal Join again and recover the missed messages: a new session is in no room yet. */
  onReady(): void {
    this.#takeReplayed([]);
    this.#replayUntil = 0;
    this.#ownTyping.reset();
    this.#membership.onReady();
  }

  /** @internal */
  onMessage(message: Message): void {
    if (!this.#membership.isWanted) return;
    this.#typing.received(message.user, false);
    const isReplayed = message.epoch === this.#timeline.epoch && message.seq < this.#replayUntil;
    if (!isReplayed) return this.#takeReplayed([message]);
    this.#replayed.push(message);
    this.#replayTimer ??= setTimeout(() => this.#takeReplayed([]), REPLAY_SHOW_MS);
  }

  /** @internal */
  onTyping(user: UserId, typing: boolean): void {
    if (user !== this.#context.self().user) this.#typing.received(user, typing);
  }

  /** @internal */
  onReceipt(user: UserId, seq: number): void {
    if (seq > (this.#state.read[user] ?? 0)) this.#show({ read: { ...this.#state.read, [user]: seq } });
  }

  /** @internal */
  onCustom(event: CustomEvent): void {
    if (this.#membership.isWanted) this.#custom.receive(event);
  }

  /** @internal */
  onResync(): void {
    this.#membership.refresh();
  }

  /** @internal */
  onChange(change: RoomChange): void {
    if (change.change === "people") {
      this.#context.presence.learn(change.entered ?? []);
      this.#show(peopleChanged(this.#state, change));
    } else if (change.change === "removed" || change.change === "closed") {
      this.#membership.end();
      const why = change.change === "closed" ? "the room was closed" : "you were taken out of the room";
      this.#refused(RoomcastError.of("forbidden", why));
    } else if (change.change === "invited" || change.change === "unbanned") this.#askAgain();
  }

  /** @internal Apply a person's new name. */
  onRenamed(user: UserId, name: string): void {
    const { members, gone } = personRenamed(this.#state, user, name);
    if (members !== this.#state.members) this.#show({ members, gone });
  }

  /** @internal */
  onDrafts(): void {
    if (!this.#isReducing) this.#show({});
  }

  /** @internal Join again if the message that was acked as `seq` does not arrive within 1 to 2 times ECHO_MS. */
  onAcked(seq: number): void {
    this.#ackedSeq = Math.max(seq, this.#ackedSeq);
    this.#echoTimer ??= this.#awaitEcho(this.#ackedSeq);
  }

  #awaitEcho(seq: number): ReturnType<typeof setTimeout> {
    return setTimeout(() => {
      this.#echoTimer = undefined;
      const isMissing = this.#timeline.epoch !== null && this.#timeline.last < seq;
      if (isMissing) this.#membership.refresh();
      else if (this.#timeline.last < this.#ackedSeq) {
        this.#echoTimer = this.#awaitEcho(this.#ackedSeq);
        return;
      }
      this.#ackedSeq = 0;
    }, ECHO_MS);
  }

  /** @internal */
  stop(): void {
    this.#membership.stop();
    this.#typing.stop();
    clearTimeout(this.#echoTimer);
    clearTimeout(this.#replayTimer);
  }

  // --- joining -------------------------------------------------------------------------------------------------------

  /**
   * Join, and recover missed entries.
   *
   * A join without a known position asks for a page of entries, to show them together. Others ask for a replay: the missed entries
   * arrive as `message` events after one round trip. A gateway that does not support replays answers in pages.
   */
  async #catchUp(): Promise<void> {
    if (this.#state.phase !== "joined") this.#show({ phase: "joining" });
    for (;;) {
      const since = sinceOf(this.#timeline);
      const form = since ? { since, limit: MAX_LIST, replay: true } : { limit: this.#context.pageSize };
      const onAnswer = (answer: JoinAnswer) => this.#joined(answer, since);
      const payload = { room: this.id, ...form };
      const answer = await this.#context.connection.call("room:join", payload, undefined, onAnswer);
      if (!this.#membership.isWanted) return;
      const isFurther = since !== null && this.#timeline.last > since.seq;
      if (!answer.recovered || !answer.more || !isFurther) break;
    }
    this.#context.sender.open(this.id);
    this.#fillGap();
  }

  #joined(answer: JoinAnswer, since: Since | null): void {
    if (!this.#membership.isWanted) return;
    const read = this.#readAfter(answer);
    this.#replayUntil = isReplay(answer, since) ? answer.seq : 0;
    this.#context.presence.learn(answer.members);
    this.#reduce({ type: "joined", answer, since });
    const people = peopleListed(this.#state, answer.members, answer.occupancy);
    const moreMembers = answer.members.length >= MAX_LIST && answer.occupancy > MAX_LIST;
    this.#show({ phase: "joined", error: null, read, ...people, moreMembers });
  }

  /** Merge the read marks of an answer with the known ones: marks only move forward within an epoch. */
  #readAfter(answer: JoinAnswer): Record<UserId, number> {
    const read = answer.epoch === this.#timeline.epoch ? { ...this.#state.read } : {};
    for (const [user, seq] of Object.entries(answer.read)) read[user] = Math.max(seq, read[user] ?? 0);
    return read;
  }

  #refused(error: RoomcastError): void {
    this.#show({ phase: "refused", error });
    this.dropKept();
    void this.#context.cache?.forget(this.id);
    this.#context.sender.refuse(this.id, error);
  }

  /** Join again if the server had refused. Called after an invitation or unban, and when the user writes. */
  #askAgain(): void {
    if (this.#state.phase === "refused") this.join();
  }

  /** Show the collected replayed messages, then `live`. */
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
    if (this.#replayUntil === 0 && hasGap(this.#timeline)) this.#membership.refresh();
  }

  // --- state ---------------------------------------------------------------------------------------------------------

  #reduce(action: TimelineAction): void {
    const before = this.#timeline;
    this.#timeline = reduceTimeline(before, action);
    if (this.#timeline === before) return;
    this.#isReducing = true;
    this.#forgetDelivered();
    this.#isReducing = false;
    this.#show(this.#shownOfTimeline());
    const { cache } = this.#context;
    cache?.save(this.id, () => keptOf(this.#timeline, this.#state.read, cache.maxMessages));
  }

  #shownOfTimeline(): Partial<RoomState> {
    const { last: seq, more: hasOlder, cut, isKept: stale } = this.#timeline;
    return { seq, hasOlder, cut, stale };
  }

  /** Forget the drafts that have arrived in the log. */
  #forgetDelivered(): void {
    const drafts = new Set(this.#context.sender.draftsOf(this.id).map((draft) => draft.id));
    if (drafts.size === 0) return;
    const { user } = this.#context.self();
    const arrived = this.#timeline.events.filter((event) => event.user === user && drafts.has(event.id));
    if (arrived.length) this.#context.sender.remove(new Set(arrived.map((event) => event.id)));
  }

  #show(part: Partial<RoomState>): void {
    if (this.#folded.events !== this.#timeline.events) this.#folded = fold(this.#folded, this.#timeline.events);
    const drafts = this.#context.sender.draftsOf(this.id);
    const messages = withDrafts(this.#folded.messages, drafts, this.#context.self());
    this.#state = { ...this.#state, ...part, messages };
    this.#changed.emit(this.#state);
  }

  /** Edit, delete or react. All tries use one id, so that the server applies the change once. */
  async #change<E extends "message:edit" | "message:delete" | "message:react">(
    event: E,
    rest: Omit<Payload<E>, "room" | "id">,
  ): Promise<void> {
    const { connection, newId, closing } = this.#context;
    const payload = { room: this.id, id: newId(), ...rest } as Payload<E>;
    await retrying(() => connection.call(event, payload), CHANGE_ATTEMPTS, RECONNECT, closing);
  }
}
