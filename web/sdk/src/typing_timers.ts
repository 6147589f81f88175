/** Run the timers of a room's typing indicators, by a monotonic clock: the device's clock may be set back. */

import { monotonicMs } from "./connection/clock.ts";
import type { UserId } from "./protocol/ids.ts";
import { nextExpiry, NOT_TYPING, ownTyping, typingExpired, typingReceived, type TypingState } from "./typing_state.ts";

/** Keeps the list of users who are typing in a room. An indicator that is not refreshed expires. */
export class TypingWatch {
  readonly #changed: (users: UserId[]) => void;
  #state: TypingState = new Map();
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param changed called with all users who are typing, after every change */
  constructor(changed: (users: UserId[]) => void) {
    this.#changed = changed;
  }

  received(user: UserId, typing: boolean): void {
    this.#set(typingReceived(this.#state, user, typing, monotonicMs()));
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #set(next: TypingState): void {
    if (next.size === 0 && this.#state.size === 0) return;
    this.#state = next;
    clearTimeout(this.#timer);
    const expiry = nextExpiry(next);
    const expire = () => this.#set(typingExpired(this.#state, monotonicMs()));
    if (expiry !== null) this.#timer = setTimeout(expire, Math.max(0, expiry - monotonicMs()) + 1);
    this.#changed([...next.keys()]);
  }
}

/** Sends the own typing indicator, throttled. */
export class OwnTypingIndicator {
  readonly #tell: (typing: boolean) => void;
  #state = NOT_TYPING;

  constructor(tell: (typing: boolean) => void) {
    this.#tell = tell;
  }

  set(typing: boolean): void {
    const [state, emit] = ownTyping(this.#state, typing, monotonicMs());
    this.#state = state;
    if (emit !== null) this.#tell(emit);
  }

  /** Start anew in a new session, in which no indicator was sent yet. */
  reset(): void {
    this.#state = NOT_TYPING;
  }
}
