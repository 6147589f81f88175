/** Keep the outbox: this client's messages that the room's log does not show yet. Pure. */

import type { WireError } from "./errors.ts";
import type { Data } from "./protocol/app_types.ts";
import type { RoomId, UserId } from "./protocol/ids.ts";
import type { Media, SendPayload } from "./protocol/messages.ts";

/** A message of this client that the room's log does not show yet. */
export interface Draft {
  id: string;
  room: RoomId;
  text?: string;
  /** A file that the server has confirmed; sent by its upload id. */
  media?: Media;
  data?: Data;
  replyTo?: number;
  mentions?: UserId[];
  /** When the user wrote the message, in milliseconds since 1970; after the ack, the time from the ack. */
  time: number;
  state: "sending" | "sent" | "failed";
  /** How often the draft went on the wire since the user last pressed retry. */
  attempts: number;
  /** Whether the server may have stored the message: a try went on the wire, and the server did not refuse that try. */
  tried: boolean;
  seq?: number;
  error?: WireError;
}

export type Outbox = readonly Draft[];

export type OutboxAction =
  | { type: "written"; draft: Draft }
  /** Drafts that an earlier page load left unsent, the oldest first. */
  | { type: "restored"; drafts: readonly Draft[] }
  | { type: "tried"; id: string }
  /** The server refused this try; `tried` is the draft's `tried` from before this try. */
  | { type: "refused"; id: string; tried: boolean }
  | { type: "acked"; id: string; seq: number; time: number }
  | { type: "failed"; id: string; error: WireError }
  | { type: "retried"; id: string }
  | { type: "removed"; ids: ReadonlySet<string> };

export function reduceOutbox(outbox: Outbox, action: OutboxAction): Outbox {
  switch (action.type) {
    case "written":
      return outbox.some((draft) => draft.id === action.draft.id) ? outbox : [...outbox, action.draft];
    case "restored":
      return [...action.drafts.filter(({ id }) => !outbox.some((draft) => draft.id === id)), ...outbox];
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
        error: undefined,
      }));
    case "failed":
      return update(outbox, action.id, (draft) => ({ ...draft, state: "failed", error: action.error }));
    case "retried":
      return update(outbox, action.id, (draft) => ({ ...draft, state: "sending", attempts: 0, error: undefined }));
    case "removed":
      return outbox.some((draft) => action.ids.has(draft.id))
        ? outbox.filter((draft) => !action.ids.has(draft.id))
        : outbox;
  }
}

/** Return the rooms whose drafts differ between two states. */
export function roomsChanged(before: Outbox, after: Outbox): Set<RoomId> {
  const old = new Set(before);
  const now = new Set(after);
  const changed = [...after.filter((draft) => !old.has(draft)), ...before.filter((draft) => !now.has(draft))];
  return new Set(changed.map((draft) => draft.room));
}

export function payloadOf(draft: Draft): SendPayload {
  return {
    room: draft.room,
    id: draft.id,
    ...(draft.text !== undefined ? { text: draft.text } : {}),
    ...(draft.media ? { upload: draft.media.upload } : {}),
    ...(draft.data ? { data: draft.data } : {}),
    ...(draft.replyTo !== undefined ? { reply_to: draft.replyTo } : {}),
    ...(draft.mentions?.length ? { mentions: draft.mentions } : {}),
  };
}

/** The age up to which a draft is sent again, in ms. The server recognizes an id for at least an hour. */
export const SAFE_RESEND_MS = 55 * 60_000;

/** Prepare a draft after a reload. The draft fails if the server may have stored it and then forgotten its id. */
export function revived(draft: Draft, nowMs: number): Draft {
  const fresh = { ...draft, attempts: 0 };
  if (draft.state !== "sending" || !draft.tried || nowMs - draft.time < SAFE_RESEND_MS) return fresh;
  const detail = "it may have been delivered before the page was closed";
  return { ...fresh, state: "failed", error: { code: 301, reason: "outcome_unknown", retryable: true, detail } };
}

function update(outbox: Outbox, id: string, change: (draft: Draft) => Draft): Outbox {
  return outbox.map((draft) => (draft.id === id ? change(draft) : draft));
}
