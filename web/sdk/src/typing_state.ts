/** Decide which users are typing, and when to send the user's own typing indicator. Pure: the clock is passed in. */

import type { UserId } from "./protocol/ids.ts";
import { TYPING_SECONDS } from "./protocol/limits.ts";

/** User → the time at which the user's typing indicator expires, in milliseconds of a monotonic clock. */
export type TypingState = ReadonlyMap<UserId, number>;

/** Return the state after a `typing` event of `user`. */
export function typingReceived(state: TypingState, user: UserId, typing: boolean, nowMs: number): TypingState {
  const next = new Map(state);
  if (typing) next.set(user, nowMs + TYPING_SECONDS * 1000);
  else next.delete(user);
  return next;
}

/** Return the state without expired indicators; the same object if none has expired. */
export function typingExpired(state: TypingState, nowMs: number): TypingState {
  const kept = [...state].filter(([, until]) => until > nowMs);
  return kept.length === state.size ? state : new Map(kept);
}

/** Return the time at which the next indicator expires; null without indicators. */
export function nextExpiry(state: TypingState): number | null {
  return state.size ? Math.min(...state.values()) : null;
}

/** Milliseconds between two refreshes of the user's own indicator: half of its lifetime, so that it does not expire. */
export const TYPING_REFRESH_MS = (TYPING_SECONDS * 1000) / 2;

/** The own indicator: whether the user is typing, and the time in milliseconds at which that was last sent. */
export interface OwnTyping {
  on: boolean;
  toldMs: number;
}

export const NOT_TYPING: OwnTyping = { on: false, toldMs: 0 };

/** Return the next state of the own indicator, and the `typing` value to emit (null: emit nothing). */
export function ownTyping(state: OwnTyping, typing: boolean, nowMs: number): [OwnTyping, boolean | null] {
  if (!typing) return state.on ? [NOT_TYPING, false] : [state, null];
  if (state.on && nowMs - state.toldMs < TYPING_REFRESH_MS) return [state, null];
  return [{ on: true, toldMs: nowMs }, true];
}
