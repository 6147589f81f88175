/** Who is typing. Pure: the clock is passed in. */

import { TYPING_SECONDS, type UserId } from "./protocol.ts";

/** User → when the sign is cleared without a refresh, in milliseconds by this machine's clock. */
export type TypingState = ReadonlyMap<UserId, number>;

export function typingHeard(state: TypingState, user: UserId, typing: boolean, nowMs: number): TypingState {
  const next = new Map(state);
  if (typing) next.set(user, nowMs + TYPING_SECONDS * 1000);
  else next.delete(user);
  return next;
}

export function typingExpired(state: TypingState, nowMs: number): TypingState {
  const kept = [...state].filter(([, until]) => until > nowMs);
  return kept.length === state.size ? state : new Map(kept);
}

/** When the next sign runs out; null when nobody types. */
export function nextExpiry(state: TypingState): number | null {
  return state.size ? Math.min(...state.values()) : null;
}

/** Refresh often enough that others do not clear it, and no more often. */
export const TYPING_REFRESH_MS = (TYPING_SECONDS * 1000) / 2;

/** Own typing: when to tell others. */
export interface OwnTyping {
  on: boolean;
  toldMs: number;
}

export const NOT_TYPING: OwnTyping = { on: false, toldMs: 0 };

/** The next state, and what to emit (null: nothing). */
export function ownTyping(state: OwnTyping, typing: boolean, nowMs: number): [OwnTyping, boolean | null] {
  if (!typing) return state.on ? [NOT_TYPING, false] : [state, null];
  if (state.on && nowMs - state.toldMs < TYPING_REFRESH_MS) return [state, null];
  return [{ on: true, toldMs: nowMs }, true];
}
