/** Compute and format the end of a status text. Pure. */

import { clockTime, dayEnd, dayOf, shortTime } from "./format.ts";

/** The ends that the page offers: after some minutes, or at the end of the day. */
export const NOTE_ENDS = [
  { value: "30", label: "In 30 minutes" },
  { value: "60", label: "In 1 hour" },
  { value: "240", label: "In 4 hours" },
  { value: "today", label: "At the end of the day" },
] as const;

/** Return when a text ends for a value of NOTE_ENDS, in ms since 1970; undefined (no end) for any other value. */
export function noteEndOf(value: string, nowMs: number): number | undefined {
  if (value === "today") return dayEnd(nowMs);
  const minutes = NOTE_ENDS.some((end) => end.value === value) ? Number(value) : NaN;
  return Number.isNaN(minutes) ? undefined : nowMs + minutes * 60_000;
}

/** Return the end of a text as day and time; the time alone if the text ends today. */
export function endText(untilMs: number, nowMs: number): string {
  const day = dayOf(untilMs - 1) === dayOf(nowMs) ? "" : `${shortTime(untilMs, nowMs)}, `;
  return `${day}${clockTime(untilMs)}`;
}
