/** One room as this client sees it: joined, kept whole, and written to. */

import { backoffMs, RECONNECT } from "./backoff.ts";
import { Emitter, type Undo } from "./emitter.ts";
import { RoomcastError } from "./errors.ts";
import type { Link } from "./link.ts";
import { NOBODY, peopleChanged, peopleListed } from "./people.ts";
import type { PresenceBook } from "./presence.ts";
import {
  MAX_LIST,
  type Media,
  type Member,
  type Message,
  type Payload,
  type RoomChange,
  type RoomId,
  type UserId,
} from "./protocol.ts";
import { retrying } from "./retry.ts";
import type { Sender } from "./sender.ts";
import { OwnTypingSign, ReadMark, TypingWatch } from "./signs.ts";
import { EMPTY_TIMELINE, hasHole, reduceTimeline, sinceOf, type Timeline, type TimelineAction } from "./timeline.ts";
import { fold, NOTHING_FOLDED, withDrafts, type ChatMessage } from "./view.ts";

export type RoomPhase = "idle" | "joining" | "joined" | "refused";

/** What is on show; a new object after every change, so that it can be compared by reference. */
export interface RoomState {
  phase: RoomPhase;
  error: RoomcastError | null;
  messages: readonly ChatMessage[];
  /** The seq of the last entry known, edits and reactions included. */
  seq: number;
  hasOlder: boolean;
  loadingOlder: boolean;
  /** Some messages between two visits could not be recovered. */
  cut: boolean;
  /** How many people are here, invisible ones left out. */
  occupancy: number;
  members: readonly Member[];
  moreMembers: boolean;
  /** Who was seen here and has gone, the latest first. */
  gone: readonly Member[];
  /** User → the seq up to which that user has read. */
  read: Readonly<Record<UserId, number>>;
  typing: UserId[];
}

export const EMPTY_ROOM: RoomState = {
  phase: "idle",
  error: null,
  messages: [],
  seq: 0,
  hasOlder: false,
  loadingOlder: false,
  cut: false,
  ...NOBODY,
  moreMembers: false,
  read: {},
  typing: [],
};

export interface SendOptions {
  text?: string;
  /** A verified upload, from `Client.upload`. */
  media?: Media;
  replyTo?: number;
}

/** What a room needs from its client. */
export interface RoomContext {
  link: Link;
  sender: Sender;
  presence: PresenceBook;
  self: () => { user: UserId; name: string };
  pageSize: number;
  newId: () => string;
}

/** After an ack, the log's own copy is due within this time; else we missed it. */
const ECHO_MS = 2000;
const MAX_CATCH_UP_PAGES = 200;
const CHANGE_ATTEMPTS = 3;

export class Room {
  readonly id: RoomId;
  readonly #context: RoomContext;
  readonly #changed = new Emitter<RoomState>();
  #state = EMPTY_ROOM;
  #timeline: Timeline = EMPTY_TIMELINE;
  #folded = NOTHING_FOLDED;
  readonly #typing = new TypingWatch((typing) => this.#show({ typing }));
  readonly #ownTyping = new OwnTypingSign((typing) => this.#context.link.drop("typing", { room: this.id, typing }));
  readonly #readMark = new ReadMark((seq) => this.#tellRead(seq));
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #wanted = false;
  #joining: Promise<void> | null = null;
  #joinAgain = false;
  #attempt = 0;

  constructor(id: RoomId, context: RoomContext) {
    this.id = id;
    this.#context = context;
  }

  get state(): RoomState {
    return this.#state;
  }

  subscribe(listener: (state: RoomState) => void): Undo {
    return this.#changed.subscribe(listener);
  }

  /** Enters the room and stays in it, over reconnects, until `leave`. */
  join(): void {
    this.#wanted = true;
    void this.#enter();
  }

  async leave(): Promise<void> {
    this.#wanted = false;
    clearTimeout(this.#retryTimer);
    this.#show({ phase: "idle" });
    if (this.#context.link.online) await this.#context.link.call("room:leave", { room: this.id }).catch(() => {});
  }

  // --- writing -------------------------------------------------------------------------------------------------------

  /** Writes a message; it shows at once as `sending`. Returns the id under which it can be retried. */
  send(options: SendOptions): string {
    const id = this.#context.newId();
    this.setTyping(false);
    this.#context.sender.add({
      id,
      room: this.id,
      ...options,
      time: Date.now(),
      state: "sending",
      attempts: 0,
      tried: false,
    });
    return id;
  }

  retry(id: string): void {
    this.#context.sender.retry(id);
  }

  discard(id: string): void {
    this.#context.sender.remove(new Set([id]));
  }

  async edit(target: number, text: string): Promise<void> {
    await this.#change("message:edit", { target, text });
  }

  async delete(target: number): Promise<void> {
    await this.#change("message:delete", { target });
  }

  async react(target: number, emoji: string, on: boolean): Promise<void> {
    await this.#change("message:react", { target, emoji, on });
  }

  /** Call at every key press; what goes out is throttled. */
  setTyping(typing: boolean): void {
    this.#ownTyping.set(typing);
  }

  /** Says, at most once a second, that everything up to `seq` was read. */
  markRead(seq: number): void {
    if (seq > (this.#state.read[this.#context.self().user] ?? 0)) this.#readMark.set(seq);
  }

  // --- reading -------------------------------------------------------------------------------------------------------

  /** Loads one page of older messages; does nothing while one is on its way. */
  async loadOlder(): Promise<void> {
    if (!this.#state.hasOlder || this.#state.loadingOlder) return;
    this.#show({ loadingOlder: true });
    const { epoch, events } = this.#timeline;
    try {
      const before = events[0]?.seq ?? this.#timeline.last + 1;
      const payload = { room: this.id, before, limit: this.#context.pageSize };
      const page = await this.#context.link.call("message:history", payload);
      if (this.#timeline.epoch === epoch) this.#reduce({ type: "history", page });
    } finally {
      this.#show({ loadingOlder: false });
    }
  }

  async refreshMembers(): Promise<void> {
    const answer = await this.#context.link.call("room:members", { room: this.id });
    this.#context.presence.learn(answer.members);
    const { members, more } = answer;
    const occupancy = more ? Math.max(this.#state.occupancy, members.length + 1) : members.length;
    this.#show({ ...peopleListed(this.#state, members, occupancy), moreMembers: more });
  }

  /** Appends the next page of a long list of members. */
  async loadMembers(): Promise<void> {
    const after = this.#state.members.at(-1)?.user;
    const answer = await this.#context.link.call("room:members", { room: this.id, ...(after ? { after } : {}) });
    this.#context.presence.learn(answer.members);
    const known = new Set(this.#state.members.map((member) => member.user));
    const fresh = answer.members.filter((member) => !known.has(member.user));
    this.#show({ members: [...this.#state.members, ...fresh], moreMembers: answer.more });
  }

  // --- what the client tells its rooms -------------------------------------------------------------------------------

  /** A new session knows nothing of us: join again, from where we were. */
  onReady(): void {
    this.#ownTyping.reset();
    this.#attempt = 0;
    if (this.#wanted) void this.#enter();
  }

  onMessage(message: Message): void {
    if (!this.#wanted) return;
    this.#typing.heard(message.user, false);
    this.#reduce({ type: "live", message });
    if (hasHole(this.#timeline)) void this.#enter();
  }

  onTyping(user: UserId, typing: boolean): void {
    if (user !== this.#context.self().user) this.#typing.heard(user, typing);
  }

  onReceipt(user: UserId, seq: number): void {
    if (seq > (this.#state.read[user] ?? 0)) this.#show({ read: { ...this.#state.read, [user]: seq } });
  }

  onResync(): void {
    if (this.#wanted) void this.#enter();
  }

  onChange(change: RoomChange): void {
    if (change.change === "people") {
      this.#context.presence.learn(change.entered ?? []);
      this.#show(peopleChanged(this.#state, change));
    } else if (change.change === "removed" || change.change === "closed") {
      this.#wanted = false;
      this.#show({ phase: "refused", error: RoomcastError.of("forbidden", `you were taken out: ${change.change}`) });
    }
  }

  onDrafts(): void {
    this.#show({});
  }

  /** Our message was kept as `seq`; if its copy does not follow, something was missed. */
  onAcked(seq: number): void {
    setTimeout(() => {
      if (this.#wanted && this.#timeline.epoch !== null && this.#timeline.last < seq) void this.#enter();
    }, ECHO_MS);
  }

  stop(): void {
    clearTimeout(this.#retryTimer);
    this.#typing.stop();
    this.#readMark.stop();
  }

  // --- joining -------------------------------------------------------------------------------------------------------

  /** Joins once at a time; a wish that comes meanwhile is granted afterwards. */
  async #enter(): Promise<void> {
    if (!this.#context.link.online) return;
    if (this.#joining) {
      this.#joinAgain = true;
      return;
    }
    clearTimeout(this.#retryTimer);
    this.#joining = this.#catchUp().catch((error: unknown) => this.#joinFailed(RoomcastError.from(error)));
    await this.#joining;
    this.#joining = null;
    const again = this.#joinAgain;
    this.#joinAgain = false;
    if (again && this.#wanted) void this.#enter();
  }

  /** Joins, and page after page reads what was missed. */
  async #catchUp(): Promise<void> {
    if (this.#state.phase !== "joined") this.#show({ phase: "joining" });
    for (let page = 0; page < MAX_CATCH_UP_PAGES; page++) {
      const since = sinceOf(this.#timeline);
      const payload = { room: this.id, limit: this.#context.pageSize, ...(since ? { since } : {}) };
      const answer = await this.#context.link.call("room:join", payload);
      if (!this.#wanted) return;
      this.#context.presence.learn(answer.members);
      this.#reduce({ type: "joined", answer, since });
      const people = peopleListed(this.#state, answer.members, answer.occupancy);
      const read = { ...this.#state.read, ...answer.read };
      const moreMembers = answer.members.length >= MAX_LIST && answer.occupancy > MAX_LIST;
      this.#show({ phase: "joined", error: null, read, ...people, moreMembers });
      if (!since || !answer.recovered || !answer.more) break;
    }
    this.#attempt = 0;
    this.#context.sender.open(this.id);
  }

  #joinFailed(error: RoomcastError): void {
    if (!this.#context.link.online || !this.#wanted) return;
    if (!error.retryable) return this.#show({ phase: "refused", error });
    const waitMs = backoffMs(this.#attempt++, Math.random(), RECONNECT, error.retryAfterMs);
    this.#retryTimer = setTimeout(() => void this.#enter(), waitMs);
  }

  // --- state ---------------------------------------------------------------------------------------------------------

  #reduce(action: TimelineAction): void {
    const before = this.#timeline;
    this.#timeline = reduceTimeline(before, action);
    if (this.#timeline === before) return;
    this.#forgetDelivered();
    this.#show({ seq: this.#timeline.last, hasOlder: this.#timeline.more, cut: this.#timeline.cut });
  }

  /** Drafts whose copy the log shows have done their work. */
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

  async #tellRead(seq: number): Promise<void> {
    this.onReceipt(this.#context.self().user, seq);
    await this.#context.link.call("receipt:read", { room: this.id, seq });
  }

  /** An edit, deletion or reaction: under one id, so that trying again is safe. */
  async #change<E extends "message:edit" | "message:delete" | "message:react">(
    event: E,
    rest: Omit<Payload<E>, "room" | "id">,
  ): Promise<void> {
    const payload = { room: this.id, id: this.#context.newId(), ...rest } as Payload<E>;
    await retrying(() => this.#context.link.call(event, payload), CHANGE_ATTEMPTS, RECONNECT);
  }
}

/** Pages are bounded by the protocol. */
export function clampPage(size: number): number {
  return Math.min(Math.max(1, Math.trunc(size)), MAX_LIST);
}
