/** What a reader sees of a room: the log folded, with this client's unsent messages at its end. Pure. */

import type { Draft } from "./outbox.ts";
import type { Media, Message, UserId } from "./protocol.ts";
import type { WireError } from "./errors.ts";

export interface Reaction {
  emoji: string;
  users: UserId[];
}

export interface ChatMessage {
  /** The id its author's client made. */
  id: string;
  /** Null until the server has answered. */
  seq: number | null;
  user: UserId;
  name: string;
  time: number;
  kind: "text" | "media" | "system";
  text?: string;
  media?: Media;
  replyTo?: number;
  edited: boolean;
  deleted: boolean;
  reactions: Reaction[];
  state: "sending" | "sent" | "failed";
  error?: WireError;
}

/** Folds edits, deletions and reactions into the messages that they are about. */
export function foldEvents(events: readonly Message[]): ChatMessage[] {
  const shown: ChatMessage[] = [];
  const bySeq = new Map<number, ChatMessage>();
  for (const event of events) {
    if (event.kind === "text" || event.kind === "media" || event.kind === "system") {
      const message = fromEvent(event);
      shown.push(message);
      bySeq.set(event.seq, message);
    } else {
      const target = bySeq.get(event.target ?? 0);
      if (target) change(target, event);
    }
  }
  return shown;
}

/** The folded log followed by the drafts that it does not hold yet. */
export function withDrafts(
  folded: ChatMessage[],
  drafts: readonly Draft[],
  self: { user: UserId; name: string },
): ChatMessage[] {
  if (drafts.length === 0) return folded;
  const known = new Set(folded.filter((message) => message.user === self.user).map((message) => message.id));
  return [...folded, ...drafts.filter((draft) => !known.has(draft.id)).map((draft) => fromDraft(draft, self))];
}

function fromEvent(event: Message): ChatMessage {
  const empty = event.kind !== "system" && event.text === undefined && event.media === undefined;
  return {
    id: event.id,
    seq: event.seq,
    user: event.user,
    name: event.name,
    time: event.time,
    kind: event.kind as ChatMessage["kind"],
    text: event.text,
    media: event.media,
    replyTo: event.reply_to,
    edited: event.edited !== undefined,
    // A deletion takes the text out of the log; the entry itself stays, so that its seq is no hole.
    deleted: event.deleted !== undefined || empty,
    reactions: [],
    state: "sent",
  };
}

function fromDraft(draft: Draft, self: { user: UserId; name: string }): ChatMessage {
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
    error: draft.error,
  };
}

function change(target: ChatMessage, event: Message): void {
  if (event.kind === "edit" && event.text !== undefined) {
    target.text = event.text;
    target.edited = true;
    target.deleted = false;
  } else if (event.kind === "delete") {
    target.text = target.media = undefined;
    target.deleted = true;
    target.reactions = [];
  } else if (event.kind === "reaction" && event.emoji) {
    react(target, event.emoji, event.user, event.on ?? true);
  }
}

function react(target: ChatMessage, emoji: string, user: UserId, on: boolean): void {
  const users = (target.reactions.find((one) => one.emoji === emoji)?.users ?? []).filter((one) => one !== user);
  if (on) users.push(user);
  const known = target.reactions.some((one) => one.emoji === emoji);
  target.reactions = known
    ? target.reactions.map((one) => (one.emoji === emoji ? { emoji, users } : one)).filter((one) => one.users.length)
    : users.length
      ? [...target.reactions, { emoji, users }]
      : target.reactions;
}
