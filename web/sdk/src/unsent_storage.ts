/** Keep drafts and unconfirmed read marks across a reload of the page. */

import { revived, type Draft, type Outbox } from "./outbox.ts";
import type { RoomId, UserId } from "./protocol/ids.ts";

/** The part of `Storage` that the SDK uses; `localStorage` fits. */
export type KeyValueStorage = Pick<Storage, "getItem" | "setItem" | "removeItem" | "key" | "length">;

const MAX_DRAFTS = 200;
/** A failed draft that was neither retried nor discarded is forgotten after this time. */
const MAX_FAILED_MS = 30 * 24 * 3_600_000;

/** Stores drafts under one key each, so that two tabs of one user do not overwrite each other's drafts. */
export class OutboxStorage {
  /** The user who wrote the drafts; empty while the user is not known. */
  readonly user: UserId;
  readonly #items: Items;

  constructor(storage: KeyValueStorage | null, user: UserId) {
    this.user = user;
    this.#items = new Items(storage, `roomcast:outbox:${user}:`);
  }

  /** Write the drafts that differ between two states. If the storage is full or forbidden, do nothing. */
  save(before: Outbox, after: Outbox): void {
    const old = new Set(before);
    for (const draft of after) if (!old.has(draft)) this.#write(draft);
    const kept = new Set(after.map((draft) => draft.id));
    for (const draft of before) if (!kept.has(draft.id)) this.#items.delete(draft.id);
  }

  /** Return the stored drafts, the oldest first. */
  load(nowMs: number): Outbox {
    const drafts = this.#items.all().map(([, json]) => readDraft(json));
    return drafts
      .filter((draft) => draft !== null)
      .filter((draft) => draft.state === "sending" || (draft.state === "failed" && nowMs - draft.time < MAX_FAILED_MS))
      .sort((a, b) => a.time - b.time)
      .slice(-MAX_DRAFTS)
      .map((draft) => revived(draft, nowMs));
  }

  #write(draft: Draft): void {
    if (draft.state === "sent") this.#items.delete(draft.id);
    else this.#items.set(draft.id, JSON.stringify(draft));
  }
}

/** A read mark that the server has not confirmed. */
export interface StoredMark {
  seq: number;
  epoch: string;
}

/** Stores unconfirmed read marks under one key per room. */
export class MarkStorage {
  /** The user who has read; empty while the user is not known. */
  readonly user: UserId;
  readonly #items: Items;

  constructor(storage: KeyValueStorage | null, user: UserId) {
    this.user = user;
    this.#items = new Items(storage, `roomcast:read:${user}:`);
  }

  save(room: RoomId, mark: StoredMark): void {
    this.#items.set(room, JSON.stringify(mark));
  }

  delete(room: RoomId): void {
    this.#items.delete(room);
  }

  load(): [RoomId, StoredMark][] {
    return this.#items.all().flatMap(([room, json]) => {
      const mark = parsed(json) as Partial<StoredMark> | null;
      const isWhole = typeof mark?.seq === "number" && typeof mark.epoch === "string";
      return isWhole ? [[room, mark as StoredMark] as [RoomId, StoredMark]] : [];
    });
  }
}

/** The entries of a storage under one prefix. A storage that throws is treated as an empty one. */
class Items {
  readonly #storage: KeyValueStorage | null;
  readonly #prefix: string;

  constructor(storage: KeyValueStorage | null, prefix: string) {
    this.#storage = storage;
    this.#prefix = prefix;
  }

  set(name: string, value: string): void {
    attempt(() => this.#storage?.setItem(this.#prefix + name, value));
  }

  delete(name: string): void {
    attempt(() => this.#storage?.removeItem(this.#prefix + name));
  }

  all(): [string, string][] {
    const found: [string, string][] = [];
    attempt(() => {
      for (let index = 0; index < (this.#storage?.length ?? 0); index++) {
        const key = this.#storage?.key(index) ?? "";
        if (!key.startsWith(this.#prefix)) continue;
        found.push([key.slice(this.#prefix.length), this.#storage?.getItem(key) ?? ""]);
      }
    });
    return found;
  }
}

function attempt(access: () => void): void {
  try {
    access();
  } catch {
    return;
  }
}

function readDraft(json: string): Draft | null {
  const draft = parsed(json) as Partial<Draft> | null;
  const isWhole = typeof draft?.id === "string" && typeof draft.room === "string" && typeof draft.time === "number";
  return isWhole ? ({ tried: true, attempts: 0, state: "sending", ...draft } as Draft) : null;
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return null;
  }
}
