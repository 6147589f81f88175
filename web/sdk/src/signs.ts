/** The small signs of a room, with their timers: who types, that we type, what we have read. */

import type { UserId } from "./protocol.ts";
import { nextExpiry, NOT_TYPING, ownTyping, typingExpired, typingHeard, type TypingState } from "./typing.ts";

/** Who types in a room; a sign that is not refreshed goes out by itself. */
export class TypingWatch {
  readonly #changed: (users: UserId[]) => void;
  #state: TypingState = new Map();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(changed: (users: UserId[]) => void) {
    this.#changed = changed;
  }

  heard(user: UserId, typing: boolean): void {
    this.#set(typingHeard(this.#state, user, typing, Date.now()));
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #set(next: TypingState): void {
    if (next.size === 0 && this.#state.size === 0) return;
    this.#state = next;
    clearTimeout(this.#timer);
    const expiry = nextExpiry(next);
    const expire = () => this.#set(typingExpired(this.#state, Date.now()));
    if (expiry !== null) this.#timer = setTimeout(expire, Math.max(0, expiry - Date.now()) + 1);
    this.#changed([...next.keys()]);
  }
}

/** Tells others that we type, no more often than needed. */
export class OwnTypingSign {
  readonly #tell: (typing: boolean) => void;
  #state = NOT_TYPING;

  constructor(tell: (typing: boolean) => void) {
    this.#tell = tell;
  }

  set(typing: boolean): void {
    const [state, emit] = ownTyping(this.#state, typing, Date.now());
    this.#state = state;
    if (emit !== null) this.#tell(emit);
  }

  /** A new session: nobody has been told anything. */
  reset(): void {
    this.#state = NOT_TYPING;
  }
}

const READ_EVERY_MS = 1000;

/** Tells the server how far we have read, at most once a second, and again after a failure. */
export class ReadMark {
  readonly #tell: (seq: number) => Promise<unknown>;
  #seq = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(tell: (seq: number) => Promise<unknown>) {
    this.#tell = tell;
  }

  set(seq: number): void {
    if (seq <= this.#seq) return;
    this.#seq = seq;
    this.#timer ??= setTimeout(() => void this.#send(), READ_EVERY_MS);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  async #send(): Promise<void> {
    this.#timer = undefined;
    await this.#tell(this.#seq).catch(() => {
      this.#seq = 0;
    });
  }
}
