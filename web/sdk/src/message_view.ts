/** Turn a room's log into the messages to show: apply edits, deletions, reactions; append unsent drafts. Pure. */

import type { Draft } from "./outbox.ts";
import type { Data } from "./protocol/app_types.ts";
import type { UserId } from "./protocol/ids.ts";
import type { Media, Message, MessageKind } from "./protocol/messages.ts";
import type { WireError } from "./errors.ts";

/** One emoji under a message, and the people who chose it. */
export interface Reaction {
  emoji: string;
  users: readonly UserId[];
}

/** A message on show. It stays the same object while nothing about it changes. */
export interface ChatMessage<D extends object = Data> {
  /** The id, made by the author's client. */
  id: string;
  /**
   * Null until the log shows the message. An ack is not enough, because an earlier message of another user may still be
   * missing.
   */
  seq: number | null;
  user: UserId;
  name: string;
  time: number;
  kind: "text" | "media" | "data" | "system";
  text?: string;
  media?: Media;
  data?: D;
  replyTo?: number;
  /** The people whom the message mentions. */
  mentions?: readonly UserId[];
  edited: boolean;
  deleted: boolean;
  /** At most MAX_REACTIONS, the earliest first. */
  reactions: readonly Reaction[];
  state: "sending" | "sent" | "failed";
  error?: WireError;
}

/** A log and the messages folded from it. An unchanged message stays the same object from one fold to the next. */
export interface Folded {
  readonly events: readonly Message[];
  readonly messages: readonly ChatMessage[];
  /** seq → place in `messages` */
  readonly places: ReadonlyMap<number, number>;
}

export const NOTHING_FOLDED: Folded = { events: [], messages: [], places: new Map() };

/**
 * The most emoji of one message. More are left out: any text of 16 characters may be sent as an emoji, so one user could
 * otherwise make pages show thousands of them.
 */
export const MAX_REACTIONS = 100;

const SHOWN_KINDS: ReadonlySet<MessageKind> = new Set(["text", "media", "data", "system"]);

/** Fold edits, deletions and reactions into their targets. Continue from `before` if the log has only grown since. */
export function fold(before: Folded, events: readonly Message[]): Folded {
  const count = before.events.length;
  const goesOn = count > 0 && events[0] === before.events[0] && events[count - 1] === before.events[count - 1];
  const messages = goesOn ? [...before.messages] : [];
  const places = new Map(goesOn ? before.places : []);
  for (const event of goesOn ? events.slice(count) : events) {
    if (SHOWN_KINDS.has(event.kind)) {
      places.set(event.seq, messages.length);
      messages.push(fromEvent(event));
    } else {
      const place = places.get(event.target ?? 0);
      if (place !== undefined) messages[place] = changed(messages[place]!, event);
    }
  }
  return { events, messages, places };
}

/** Return the folded log, followed by the drafts that it does not contain yet. */
export function withDrafts(
  folded: readonly ChatMessage[],
  drafts: readonly Draft[],
  self: { user: UserId; name: string },
): readonly ChatMessage[] {
  if (drafts.length === 0) return folded;
  const known = new Set(folded.filter((message) => message.user === self.user).map((message) => message.id));
  return [...folded, ...drafts.filter((draft) => !known.has(draft.id)).map((draft) => fromDraft(draft, self))];
}

function fromEvent(event: Message): ChatMessage {
  const holdsNothing = event.text === undefined && event.media === undefined && event.data === undefined;
  return {
    id: event.id,
    seq: event.seq,
    user: event.user,
    name: event.name,
    time: event.time,
    kind: event.kind as ChatMessage["kind"],
    text: event.text,
    media: event.media,
    data: event.data,
    replyTo: event.reply_to,
    mentions: event.mentions,
    edited: event.edited !== undefined,
    // A deletion removes the text from the log. The entry itself stays, so that its seq is not missing.
    deleted: event.deleted !== undefined || (event.kind !== "system" && holdsNothing),
    reactions: [],
    state: "sent",
  };
}

function fromDraft(draft: Draft, self: { user: UserId; name: string }): ChatMessage {
  return {
    id: draft.id,
    seq: null,
    user: self.user,
    name: self.name,
    time: draft.time,
    kind: draft.media ? "media" : draft.text === undefined && draft.data ? "data" : "text",
    text: draft.text,
    media: draft.media,
    data: draft.data,
    replyTo: draft.replyTo,
    mentions: draft.mentions,
    edited: false,
    deleted: false,
    reactions: [],
    state: draft.state,
    error: draft.error,
  };
}

function changed(target: ChatMessage, event: Message): ChatMessage {
  if (event.kind === "edit" && (event.text !== undefined || event.data !== undefined)) {
    const { text = target.text, data = target.data } = event;
    return { ...target, text, data, edited: true, deleted: false };
  }
  if (event.kind === "delete") {
    return { ...target, text: undefined, media: undefined, data: undefined, deleted: true, reactions: [] };
  }
  if (event.kind === "reaction" && event.emoji) {
    return { ...target, reactions: reacted(target.reactions, event.emoji, event.user, event.on ?? true) };
  }
  return target;
}

function reacted(reactions: readonly Reaction[], emoji: string, user: UserId, on: boolean): readonly Reaction[] {
  const isKnown = reactions.some((one) => one.emoji === emoji);
  if (!isKnown && reactions.length >= MAX_REACTIONS) return reactions;
  const others = reactions.find((one) => one.emoji === emoji)?.users.filter((one) => one !== user) ?? [];
  const next = { emoji, users: on ? [...others, user] : others };
  const all = isKnown ? reactions.map((one) => (one.emoji === emoji ? next : one)) : [...reactions, next];
  return all.filter((one) => one.users.length > 0);
}
