/** Describe messages on their way: from the moment they are written until the room's log shows them. Pure. */

import type { WireError } from "./errors.ts";
import type { Data, Media, RoomId, SendPayload, UserId } from "./protocol.ts";

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
  /** When it was written, in milliseconds since the epoch; the server's time once that is known. */
  time: number;
  state: "sending" | "sent" | "failed";
  /** Tries that were put on the wire since the last retry by hand. */
  attempts: number;
  /** Whether the server may have kept it: a try was put on the wire, and no refusal of that try came back. */
  tried: boolean;
  seq?: number;
  error?: WireError;
}

export type Outbox = readonly Draft[];

export type OutboxAction =
  | { type: "written"; draft: Draft }
  | { type: "tried"; id: string }
  /** The server refused this try; `tried` is what was known before it. */
  | { type: "refused"; id: string; tried: boolean }
  | { type: "acked"; id: string; seq: number; time: number }
  | { type: "failed"; id: string; error: WireError }
  | { type: "retried"; id: string }
  | { type: "removed"; ids: ReadonlySet<string> };

export function reduceOutbox(outbox: Outbox, action: OutboxAction): Outbox {
  switch (action.type) {
    case "written":
      return outbox.some((draft) => draft.id === action.draft.id) ? outbox : [...outbox, action.draft];
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

/** The server knows an id for at least an hour; beyond this age a resend might be kept twice. */
export const SAFE_RESEND_MS = 55 * 60_000;

/** Prepare a draft that was found after a reload: it is sent again only while the server would still know its id. */
export function revived(draft: Draft, nowMs: number): Draft {
  const fresh = { ...draft, attempts: 0 };
  if (draft.state !== "sending" || !draft.tried || nowMs - draft.time < SAFE_RESEND_MS) return fresh;
  const detail = "it may have been delivered before the page was closed";
  return { ...fresh, state: "failed", error: { code: 301, reason: "outcome_unknown", retryable: true, detail } };
}

function update(outbox: Outbox, id: string, change: (draft: Draft) => Draft): Outbox {
  return outbox.map((draft) => (draft.id === id ? change(draft) : draft));
}
