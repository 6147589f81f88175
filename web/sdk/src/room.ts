/** Show one room to the application: join it, keep its messages complete, and write to it. */

import { RECONNECT } from "./connection/backoff.ts";
import type { Connection } from "./connection/connection.ts";
import { checkCustomEvent, CustomListeners, type EmitOptions } from "./custom_events.ts";
import { Emitter, type Undo } from "./emitter.ts";
import { RoomcastError } from "./errors.ts";
import { keptOf, type KeptRoom } from "./cached_room.ts";
import { jsonCopy } from "./payload_checks.ts";
import { peopleChanged, peopleListed, personRenamed } from "./room_people.ts";
import type { Presence } from "./presence.ts";
import { MAX_LIST } from "./protocol/limits.ts";
import type { AppTypes, CustomEvent, CustomEventName, CustomEvents, MessageData } from "./protocol/app_types.ts";
import type { Payload } from "./protocol/client_events.ts";
import type { RoomId, UserId } from "./protocol/ids.ts";
import type { Message } from "./protocol/messages.ts";
import type { JoinAnswer, RoomChange } from "./protocol/rooms.ts";
import { UNKNOWN_EPOCH, type ReadMarks } from "./read_marks.ts";
import { retrying } from "./connection/retry.ts";
import type { RoomCache } from "./room_cache.ts";
import { RoomLog } from "./room_log.ts";
import { EMPTY_ROOM, mergedMarks, type EditOptions, type RoomState, type SendOptions } from "./room_state.ts";
import type { Sender } from "./sender.ts";
import type { Timeline } from "./timeline.ts";
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

/** How many times an edit, deletion or reaction is tried. */
const CHANGE_ATTEMPTS = 3;

/** One room, from `Client.room`. */
export class Room<A extends AppTypes = AppTypes> {
  readonly id: RoomId;
  readonly #context: RoomContext;
  readonly #changed = new Emitter<RoomState>();
  readonly #log: RoomLog;
  #state = EMPTY_ROOM;
  #folded = NOTHING_FOLDED;
  /** True while the log changes. Removing the drafts that the log now shows must not emit a state of its own. */
  #isReducing = false;
  readonly #typing = new TypingWatch((typing) => this.#show({ typing }));
  readonly #ownTyping: OwnTypingIndicator;
  readonly #custom = new CustomListeners();

  /** @internal Use `Client.room`. */
  constructor(id: RoomId, context: RoomContext) {
    const { connection } = context;
    this.id = id;
    this.#context = context;
    this.#ownTyping = new OwnTypingIndicator((typing) => connection.drop("typing", { room: id, typing }));
    this.#log = new RoomLog(id, connection, context.pageSize, {
      joining: () => void (this.#state.phase !== "joined" && this.#show({ phase: "joining" })),
      joined: (answer, isSameEpoch) => this.#joined(answer, isSameEpoch),
      caughtUp: () => context.sender.open(id),
      refused: (error) => this.#refused(error),
      changed: () => this.#logChanged(),
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
    this.#log.join();
  }

  /** Leave the room. The state keeps its messages. */
  async leave(): Promise<void> {
    this.#show({ phase: "idle", error: null });
    await this.#log.leave();
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

  /**
   * Call `listener` at every event of this name in the room, from users and back ends, until the returned function is
   * called.
   */
  on<E extends CustomEventName<A>>(event: E, listener: (event: CustomEvent<CustomEvents<A>[E]>) => void): Undo {
    return this.#custom.on(event, listener as (event: CustomEvent) => void);
  }

  // --- reading -------------------------------------------------------------------------------------------------------

  /** Load one page of older messages. Does nothing while another page is loading, or the cached state is shown. */
  async loadOlder(): Promise<void> {
    if (!this.#state.hasOlder || this.#state.loadingOlder || this.#timeline.isRestarting || this.#timeline.isKept)
      return;
    this.#show({ loadingOlder: true });
    try {
      await this.#log.loadOlder();
    } finally {
      this.#show({ loadingOlder: false });
    }
  }

  /**
   * Drop the loaded entries except the newest `keep`, to free memory; `loadOlder` loads the older ones again. Edits and
   * reactions count as entries. Does nothing while a page of older messages is loading.
   */
  releaseHistory(keep: number): void {
    if (!this.#state.loadingOlder) this.#log.release(keep);
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
    this.#log.restore({ read, ...kept });
    this.#show({ ...this.#shownOfTimeline(), read: mergedMarks(read, this.#state.read) });
  }

  /** @internal Stop showing the state from the room cache: it belongs to another user, or the user may not enter. */
  dropKept(): void {
    if (!this.#timeline.isKept) return;
    this.#log.dropKept();
    this.#show({ ...this.#shownOfTimeline(), read: mergedMarks() });
  }

  /** @internal Join again and recover the missed messages: a new session is in no room yet. */
  onReady(): void {
    this.#ownTyping.reset();
    this.#log.onReady();
  }

  /** @internal */
  onMessage(message: Message): void {
    if (!this.#log.isWanted) return;
    this.#typing.received(message.user, false);
    this.#log.onMessage(message);
  }

  /** @internal */
  onTyping(user: UserId, typing: boolean): void {
    if (user !== this.#context.self().user) this.#typing.received(user, typing);
  }

  /** @internal */
  onReceipt(user: UserId, seq: number): void {
    if (seq > (this.#state.read[user] ?? 0)) this.#show({ read: mergedMarks(this.#state.read, { [user]: seq }) });
  }

  /** @internal */
  onCustom(event: CustomEvent): void {
    if (this.#log.isWanted) this.#custom.receive(event);
  }

  /** @internal */
  onResync(): void {
    this.#log.refresh();
  }

  /** @internal */
  onChange(change: RoomChange): void {
    if (change.change === "people") {
      this.#context.presence.learn(change.entered ?? []);
      this.#show(peopleChanged(this.#state, change));
    } else if (change.change === "removed" || change.change === "closed") {
      this.#log.end();
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

  /** @internal */
  onAcked(seq: number): void {
    this.#log.onAcked(seq);
  }

  /** @internal */
  stop(): void {
    this.#log.stop();
    this.#typing.stop();
  }

  // --- joining -------------------------------------------------------------------------------------------------------

  #joined(answer: JoinAnswer, isSameEpoch: boolean): void {
    this.#context.presence.learn(answer.members);
    const read = mergedMarks(isSameEpoch ? this.#state.read : {}, answer.read);
    const people = peopleListed(this.#state, answer.members, answer.occupancy);
    const moreMembers = answer.members.length >= MAX_LIST && answer.occupancy > MAX_LIST;
    this.#show({ phase: "joined", error: null, read, ...people, moreMembers });
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

  // --- state ---------------------------------------------------------------------------------------------------------

  #logChanged(): void {
    this.#isReducing = true;
    this.#forgetDelivered();
    this.#isReducing = false;
    this.#show(this.#shownOfTimeline());
    const { cache } = this.#context;
    cache?.save(this.id, () => keptOf(this.#timeline, this.#state.read, cache.maxMessages));
  }

  get #timeline(): Timeline {
    return this.#log.timeline;
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
