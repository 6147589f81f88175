/**
 * A room's log as one client has it. Pure: actions in, a new timeline out.
 *
 * `events` holds every entry from the oldest one loaded up to `last`, with nothing missing in between. What
 * arrives beyond a hole waits in `ahead` until the hole is filled; what arrives twice is dropped.
 */

import type { JoinAnswer, Message, Page, Since } from "./protocol.ts";

export interface Timeline {
  /** Null until the first join was answered. */
  readonly epoch: string | null;
  /** The highest seq up to which nothing is missing. */
  readonly last: number;
  readonly events: readonly Message[];
  readonly ahead: readonly Message[];
  /** The log holds older entries than the first of `events`. */
  readonly more: boolean;
  /** The server declared that entries between two visits could not be recovered. */
  readonly cut: boolean;
}

export type TimelineAction =
  | { type: "joined"; answer: JoinAnswer; since: Since | null }
  | { type: "live"; message: Message }
  | { type: "history"; page: Page };

export const EMPTY_TIMELINE: Timeline = { epoch: null, last: 0, events: [], ahead: [], more: false, cut: false };

/** Bounds, so that a tab left open for a month does not grow for a month. */
export const MAX_EVENTS = 5000;
const KEPT_EVENTS = 4000;
const MAX_AHEAD = 1000;

export function reduceTimeline(timeline: Timeline, action: TimelineAction): Timeline {
  switch (action.type) {
    case "joined":
      return joined(timeline, action.answer, action.since);
    case "live":
      return live(timeline, action.message);
    case "history":
      return history(timeline, action.page);
  }
}

/** Entries wait behind a hole: ask the log for what is missing. */
export function hasHole(timeline: Timeline): boolean {
  return timeline.epoch !== null && timeline.ahead.length > 0;
}

/** What to send as `since` when joining again; null before the first answer. */
export function sinceOf(timeline: Timeline): Since | null {
  return timeline.epoch === null ? null : { seq: timeline.last, epoch: timeline.epoch };
}

function joined(timeline: Timeline, answer: JoinAnswer, since: Since | null): Timeline {
  const continues = since !== null && answer.recovered && answer.epoch === timeline.epoch;
  const page = sorted(answer.messages);
  if (!continues) return restarted(timeline, answer, page);
  const fresh = page.filter((message) => message.seq > timeline.last);
  const end = fresh.at(-1)?.seq ?? timeline.last;
  // With `more` the answer is a page of the missing part; without it, it is all of it.
  const last = answer.more ? end : Math.max(end, answer.seq, timeline.last);
  return drain({ ...timeline, last, events: [...timeline.events, ...fresh] });
}

/** A first visit, or one whose past could not be recovered: what is shown starts anew. */
function restarted(timeline: Timeline, answer: JoinAnswer, page: Message[]): Timeline {
  const last = Math.max(answer.seq, page.at(-1)?.seq ?? 0);
  return drain({
    epoch: answer.epoch,
    last,
    events: page,
    ahead: timeline.ahead.filter((message) => message.epoch === answer.epoch),
    more: answer.more,
    cut: timeline.epoch !== null,
  });
}

function live(timeline: Timeline, message: Message): Timeline {
  const sameEpoch = timeline.epoch === message.epoch;
  if (sameEpoch && message.seq <= timeline.last) return timeline;
  if (sameEpoch && message.seq === timeline.last + 1) {
    return drain({ ...timeline, last: message.seq, events: [...timeline.events, message] });
  }
  if (timeline.ahead.some((other) => other.seq === message.seq && other.epoch === message.epoch)) return timeline;
  // Beyond the bound the newest are left out: joining again brings them with the rest.
  return { ...timeline, ahead: sorted([...timeline.ahead, message]).slice(0, MAX_AHEAD) };
}

function history(timeline: Timeline, page: Page): Timeline {
  const first = timeline.events[0]?.seq ?? timeline.last + 1;
  const older = sorted(page.messages).filter((message) => message.seq < first);
  return { ...timeline, events: [...older, ...timeline.events], more: page.more && older.length > 0 };
}

/** Moves what has become contiguous from `ahead` to `events`, and keeps within the bound. */
function drain(timeline: Timeline): Timeline {
  let last = timeline.last;
  const taken: Message[] = [];
  const rest: Message[] = [];
  for (const message of timeline.ahead) {
    if (message.epoch === timeline.epoch && message.seq === last + 1) {
      taken.push(message);
      last = message.seq;
    } else if (message.epoch !== timeline.epoch || message.seq > last) {
      rest.push(message);
    }
  }
  return bounded({ ...timeline, last, events: [...timeline.events, ...taken], ahead: rest });
}

function bounded(timeline: Timeline): Timeline {
  if (timeline.events.length <= MAX_EVENTS) return timeline;
  return { ...timeline, events: timeline.events.slice(-KEPT_EVENTS), more: true };
}

function sorted(messages: readonly Message[]): Message[] {
  return [...messages].sort((a, b) => a.seq - b.seq);
}
