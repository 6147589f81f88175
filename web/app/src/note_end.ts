/** When a status text ends by itself. Pure. */

import { clockTime, dayEnd, dayOf, shortTime } from "./format.ts";

/** The ends that are offered: after some minutes, or with the day. */
export const NOTE_ENDS = [
  { value: "30", label: "In 30 minutes" },
  { value: "60", label: "In 1 hour" },
  { value: "240", label: "In 4 hours" },
  { value: "today", label: "At the end of the day" },
] as const;

/** Return when a text ends that is given one of NOTE_ENDS now, in ms; undefined for every other value: never. */
export function noteEndOf(value: string, nowMs: number): number | undefined {
  if (value === "today") return dayEnd(nowMs);
  const minutes = NOTE_ENDS.some((end) => end.value === value) ? Number(value) : NaN;
  return Number.isNaN(minutes) ? undefined : nowMs + minutes * 60_000;
}

/** Return the end of a text as day and hour; the hour alone for one within this day. */
export function endText(untilMs: number, nowMs: number): string {
  const day = dayOf(untilMs - 1) === dayOf(nowMs) ? "" : `${shortTime(untilMs, nowMs)}, `;
  return `${day}${clockTime(untilMs)}`;
}
