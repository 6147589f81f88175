/**
 * Messages on their way: from the moment they are written until the room's log shows them. Pure, but for
 * `OutboxStorage`, which keeps them across a reload of the page.
 */

import type { WireError } from "./errors.ts";
import type { Media, RoomId, SendPayload, UserId } from "./protocol.ts";

export interface Draft {
  id: string;
  room: RoomId;
  text?: string;
  /** A file that the server has confirmed; sent by its upload id. */
  media?: Media;
  replyTo?: number;
  /** When it was written, in milliseconds by this machine's clock. */
  time: number;
  state: "sending" | "sent" | "failed";
  /** Tries that were put on the wire since the last retry by hand. */
  attempts: number;
  /** Some try was put on the wire and may have been kept. */
  tried: boolean;
  seq?: number;
  error?: WireError;
}

export type Outbox = readonly Draft[];

export type OutboxAction =
  | { type: "written"; draft: Draft }
  | { type: "tried"; id: string }
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

export function payloadOf(draft: Draft): SendPayload {
  return {
    room: draft.room,
    id: draft.id,
    ...(draft.text !== undefined ? { text: draft.text } : {}),
    ...(draft.media ? { upload: draft.media.upload } : {}),
    ...(draft.replyTo !== undefined ? { reply_to: draft.replyTo } : {}),
  };
}

/** The server knows an id for at least an hour; beyond this age a resend might be kept twice. */
export const SAFE_RESEND_MS = 55 * 60_000;

/** A draft found after a reload: sent again by itself only while the server would still know its id. */
export function revived(draft: Draft, nowMs: number): Draft {
  const fresh = { ...draft, attempts: 0 };
  if (draft.state !== "sending" || !draft.tried || nowMs - draft.time < SAFE_RESEND_MS) return fresh;
  const detail = "it may have been delivered before the page was closed";
  return { ...fresh, state: "failed", error: { code: 301, reason: "outcome_unknown", retryable: true, detail } };
}

function update(outbox: Outbox, id: string, change: (draft: Draft) => Draft): Outbox {
  return outbox.map((draft) => (draft.id === id ? change(draft) : draft));
}

/** The part of `Storage` that is used; `localStorage` fits. */
export type KeyValueStorage = Pick<Storage, "getItem" | "setItem" | "removeItem" | "key" | "length">;

const MAX_KEPT = 200;

/** One key per draft, so that two tabs of one user do not overwrite each other's. */
export class OutboxStorage {
  readonly #storage: KeyValueStorage | null;
  readonly #prefix: string;

  constructor(storage: KeyValueStorage | null, user: UserId) {
    this.#storage = storage;
    this.#prefix = `roomcast:outbox:${user}:`;
  }

  /** Writes what changed between two states. A full or forbidden storage is no reason not to send. */
  save(before: Outbox, after: Outbox): void {
    const old = new Set(before);
    for (const draft of after) if (!old.has(draft)) this.#write(draft);
    const kept = new Set(after.map((draft) => draft.id));
    for (const draft of before) if (!kept.has(draft.id)) this.#storage?.removeItem(this.#prefix + draft.id);
  }

  load(nowMs: number): Outbox {
    const drafts = this.#keys().map((key) => readDraft(this.#storage?.getItem(key) ?? ""));
    return drafts
      .filter((draft) => draft !== null)
      .filter((draft) => draft.state !== "sent")
      .sort((a, b) => a.time - b.time)
      .slice(-MAX_KEPT)
      .map((draft) => revived(draft, nowMs));
  }

  #write(draft: Draft): void {
    try {
      if (draft.state === "sent") this.#storage?.removeItem(this.#prefix + draft.id);
      else this.#storage?.setItem(this.#prefix + draft.id, JSON.stringify(draft));
    } catch {
      return;
    }
  }

  #keys(): string[] {
    const storage = this.#storage;
    if (!storage) return [];
    const all = Array.from({ length: storage.length }, (_, index) => storage.key(index) ?? "");
    return all.filter((key) => key.startsWith(this.#prefix));
  }
}

function readDraft(json: string): Draft | null {
  try {
    const draft = JSON.parse(json) as Partial<Draft> | null;
    const whole = typeof draft?.id === "string" && typeof draft.room === "string" && typeof draft.time === "number";
    return whole ? ({ tried: true, attempts: 0, state: "sending", ...draft } as Draft) : null;
  } catch {
    return null;
  }
}
