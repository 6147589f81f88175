/** Follow the user's rooms without joining them: the last message, the unread count and the mentions of each. */

import { RESEND } from "./connection/backoff.ts";
import type { Connection } from "./connection/connection.ts";
import { retrying } from "./connection/retry.ts";
import { Emitter, type Undo } from "./emitter.ts";
import { RoomcastError } from "./errors.ts";
import { changedInbox, EMPTY_INBOX, pagedInbox, type InboxChange, type InboxState } from "./inbox_state.ts";
import type { RoomId } from "./protocol/ids.ts";
import type { InboxEvent, InboxPage, InboxRoom } from "./protocol/rooms.ts";

const ATTEMPTS = 5;

/** The user's rooms, the one with the latest activity first; from `Client.inbox`. */
export class Inbox {
  readonly #connection: Connection;
  readonly #pageSize: number;
  readonly #closing: AbortSignal;
  readonly #changed = new Emitter();
  #state = EMPTY_INBOX;
  #followers = 0;
  /** How often loading has started anew. An answer to a request of an earlier round is dropped. */
  #round = 0;
  #after: string | null = null;
  /** The lines of `inbox` events that arrived while pages were loading; null: the room was removed. */
  readonly #newer = new Map<RoomId, InboxRoom | null>();
  #loadingMore: Promise<void> | null = null;

  /** @internal Use `Client.inbox`. */
  constructor(connection: Connection, pageSize: number, closing: AbortSignal) {
    this.#connection = connection;
    this.#pageSize = pageSize;
    this.#closing = closing;
    connection.on("inbox", (event) => this.#onEvent(event));
  }

  /** The current state of the inbox. */
  get state(): InboxState {
    return this.#state;
  }

  /** Call `listener` after every change, until the returned function is called. */
  subscribe(listener: () => void): Undo {
    return this.#changed.subscribe(listener);
  }

  /** Load the inbox and keep it up to date, also over reconnects, until the returned function is called. */
  follow(): Undo {
    this.#followers += 1;
    if (this.#followers === 1) this.onReady();
    let isFollowing = true;
    return () => {
      if (!isFollowing) return;
      isFollowing = false;
      this.#followers -= 1;
      if (this.#followers === 0) this.#end();
    };
  }

  /**
   * Load the next page. Does nothing when all rooms are loaded.
   *
   * @throws RoomcastError when the server does not answer or refuses
   */
  loadMore(): Promise<void> {
    this.#loadingMore ??= this.#loadNext().finally(() => (this.#loadingMore = null));
    return this.#loadingMore;
  }

  /** @internal Load again, after every `ready`. */
  onReady(): void {
    if (this.#followers > 0 && this.#connection.online) void this.#load();
  }

  /** Load the list anew, with at least as many rooms as before. The old list stays until the new one has arrived. */
  async #load(): Promise<void> {
    const round = ++this.#round;
    this.#newer.clear();
    this.#set({ ...this.#state, phase: "loading", error: null });
    const count = this.#state.rooms.length;
    try {
      let next = EMPTY_INBOX;
      for (let after: string | null = null; ; ) {
        const page: InboxPage = await this.#ask(after, true);
        if (round !== this.#round) return;
        next = pagedInbox(next, page, after === null, this.#newer);
        after = this.#after = page.after;
        if (!page.more || next.rooms.length >= count) break;
      }
      this.#set({ ...next, phase: "live" });
    } catch (thrown) {
      if (round !== this.#round || this.#closing.aborted) return;
      this.#set({ ...this.#state, phase: "failed", error: RoomcastError.from(thrown) });
    }
  }

  async #loadNext(): Promise<void> {
    if (!this.#state.more || this.#after === null) return;
    const round = this.#round;
    const page = await this.#ask(this.#after);
    if (round !== this.#round) return;
    this.#after = page.after;
    const { unread, mentions } = this.#state; // events keep these totals up to date; the page may be older
    this.#set(pagedInbox(this.#state, { ...page, unread, mentions }, false, this.#newer));
  }

  #ask(after: string | null, live?: boolean): Promise<InboxPage> {
    const payload = { limit: this.#pageSize, ...(after === null ? {} : { after }), ...(live ? { live } : {}) };
    return retrying(() => this.#connection.call("inbox:list", payload), ATTEMPTS, RESEND, this.#closing);
  }

  #onEvent(event: InboxEvent): void {
    if (this.#followers === 0) return;
    if (event.reset) return void this.#load();
    this.#note(event);
    this.#set(changedInbox(this.#state, event));
  }

  #note({ rooms }: InboxChange): void {
    if (this.#state.phase !== "loading" && this.#loadingMore === null) return this.#newer.clear();
    for (const row of rooms) this.#newer.set(row.room, "removed" in row ? null : row);
  }

  #end(): void {
    this.#round += 1;
    this.#set(EMPTY_INBOX);
    if (!this.#connection.online) return;
    void this.#connection.call("inbox:list", { limit: 1, live: false }).catch(() => {});
  }

  #set(state: InboxState): void {
    this.#state = state;
    this.#changed.emit();
  }
}
