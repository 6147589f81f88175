/** Decide which users are typing, and when to send the own typing indicator. Pure: the clock is passed in. */

import { TYPING_SECONDS, type UserId } from "./protocol.ts";

/** User → when the typing indicator expires without a refresh, in milliseconds of a monotonic clock. */
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

/** Return when the next indicator expires; null when there is none. */
export function nextExpiry(state: TypingState): number | null {
  return state.size ? Math.min(...state.values()) : null;
}

/** Milliseconds between two refreshes of the own indicator: half of its lifetime, so that it does not expire. */
export const TYPING_REFRESH_MS = (TYPING_SECONDS * 1000) / 2;

/** Whether the user is typing, and when that was last sent. */
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
