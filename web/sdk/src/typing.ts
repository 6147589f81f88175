/** Decide who is typing, and when to tell that we are. Pure: the clock is passed in. */

import { TYPING_SECONDS, type UserId } from "./protocol.ts";

/** User → when the sign is cleared without a refresh, in milliseconds of a monotonic clock. */
export type TypingState = ReadonlyMap<UserId, number>;

export function typingReceived(state: TypingState, user: UserId, typing: boolean, nowMs: number): TypingState {
  const next = new Map(state);
  if (typing) next.set(user, nowMs + TYPING_SECONDS * 1000);
  else next.delete(user);
  return next;
}

export function typingExpired(state: TypingState, nowMs: number): TypingState {
  const kept = [...state].filter(([, until]) => until > nowMs);
  return kept.length === state.size ? state : new Map(kept);
}

/** Return when the next sign runs out; null when there is none. */
export function nextExpiry(state: TypingState): number | null {
  return state.size ? Math.min(...state.values()) : null;
}

/** Refresh often enough that others do not clear the sign, and no more often. */
export const TYPING_REFRESH_MS = (TYPING_SECONDS * 1000) / 2;

/** Whether we are typing, and when that was told last. */
export interface OwnTyping {
  on: boolean;
  toldMs: number;
}

export const NOT_TYPING: OwnTyping = { on: false, toldMs: 0 };

/** Return the next state, and what to emit (null: nothing). */
export function ownTyping(state: OwnTyping, typing: boolean, nowMs: number): [OwnTyping, boolean | null] {
  if (!typing) return state.on ? [NOT_TYPING, false] : [state, null];
  if (state.on && nowMs - state.toldMs < TYPING_REFRESH_MS) return [state, null];
  return [{ on: true, toldMs: nowMs }, true];
}
