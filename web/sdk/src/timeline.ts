/**
 * Keep a room's log as one client has it. Pure: actions in, a new timeline out.
 *
 * `events` has every entry from the oldest loaded entry up to `last`, without a gap. An entry that
 * arrives beyond a gap waits in `ahead` until the gap is filled; a duplicate is dropped.
 */

import type { Message, Page, Since } from "./protocol/messages.ts";
import type { JoinAnswer } from "./protocol/rooms.ts";

/** This client's copy of a room's log. */
export interface Timeline {
  /** Null until the first join was answered. */
  readonly epoch: string | null;
  /** The highest seq up to which nothing is missing. */
  readonly last: number;
  readonly events: readonly Message[];
  readonly ahead: readonly Message[];
  /** The highest seq of an entry that arrived and was dropped, because `ahead` was full (MAX_AHEAD); 0 for none. */
  readonly dropped: number;
  /** Whether the log has older entries than the first of `events`. */
  readonly more: boolean;
  /** Whether entries that this client missed while it was not connected could not be recovered. */
  readonly cut: boolean;
  /** Whether the latest page follows as live messages; then its first message replaces all entries. */
  readonly isRestarting: boolean;
  /** Whether the entries come from the room cache, and the server has not confirmed them yet. */
  readonly isKept: boolean;
}

export type TimelineAction =
  | { type: "joined"; answer: JoinAnswer; since: Since | null }
  | { type: "live"; messages: readonly Message[] }
  | { type: "history"; page: Page }
  | { type: "released"; keep: number };

export const EMPTY_TIMELINE: Timeline = {
  epoch: null,
  last: 0,
  events: [],
  ahead: [],
  dropped: 0,
  more: false,
  cut: false,
  isRestarting: false,
  isKept: false,
};

/** The most entries in `events`, so that memory stays bounded in a tab left open for a month. */
export const MAX_EVENTS = 5000;
/** How many entries stay when `events` exceeds MAX_EVENTS. */
const KEPT_EVENTS = 4000;
/** The most entries in `ahead`. */
export const MAX_AHEAD = 1000;

export function reduceTimeline(timeline: Timeline, action: TimelineAction): Timeline {
  switch (action.type) {
    case "joined":
      return joined(timeline, action.answer, action.since);
    case "live":
      return live(timeline, action.messages);
    case "history":
      return history(timeline, action.page);
    case "released":
      return released(timeline, action.keep);
  }
}

/** Return whether an entry has arrived while an earlier one is missing. The caller then reads the log. */
export function hasGap(timeline: Timeline): boolean {
  return timeline.epoch !== null && !timeline.isKept && (timeline.ahead.length > 0 || timeline.dropped > timeline.last);
}

/** Return the `since` of the next join; null if the next join should request the latest page. */
export function sinceOf(timeline: Timeline): Since | null {
  const { epoch, last, isRestarting, isKept } = timeline;
  return epoch === null || isRestarting || isKept ? null : { seq: last, epoch };
}

/**
 * Return whether the entries of this answer follow as live messages (the replay form).
 *
 * False if the gateway answers in pages because it does not know replays, and if the client misses no entry.
 */
export function isReplay(answer: JoinAnswer, since: Since | null): boolean {
  if (since === null || answer.messages.length > 0 || answer.more) return false;
  return answer.recovered ? answer.seq > since.seq : answer.seq > 0;
}

function joined(timeline: Timeline, answer: JoinAnswer, since: Since | null): Timeline {
  const continues = since !== null && answer.recovered && answer.epoch === timeline.epoch;
  if (isReplay(answer, since)) return continues ? timeline : restarting(timeline, answer);
  const page = sorted(answer.messages);
  if (!continues) return restarted(timeline, answer, page);
  const fresh = page.filter((message) => message.seq > timeline.last);
  const end = fresh.at(-1)?.seq ?? timeline.last;
  // With `more` the answer has one page of the missing entries; without `more` it has all of them.
  const last = answer.more ? end : Math.max(end, answer.seq, timeline.last);
  // Waiting messages of another epoch are out of date: the answer is newer.
  const ahead = timeline.ahead.filter((message) => message.epoch === answer.epoch);
  return drain({ ...timeline, last, ahead, events: [...timeline.events, ...fresh] });
}

/** Start anew: this is the first join, or the entries after `timeline.last` could not be recovered. */
function restarted(timeline: Timeline, answer: JoinAnswer, page: Message[]): Timeline {
  const last = Math.max(answer.seq, page.at(-1)?.seq ?? 0);
  const older = timeline.isKept ? olderKept(timeline, answer, page) : [];
  return drain({
    epoch: answer.epoch,
    last,
    events: [...older, ...page],
    ahead: timeline.ahead.filter((message) => message.epoch === answer.epoch),
    dropped: 0,
    more: older.length ? timeline.more : answer.more,
    cut: timeline.epoch !== null && !timeline.isKept,
    isRestarting: false,
    isKept: false,
  });
}

/** Return the cached entries before a page; none if entries in between are missing, because these may be edits. */
function olderKept(timeline: Timeline, answer: JoinAnswer, page: readonly Message[]): readonly Message[] {
  const first = page[0]?.seq ?? answer.seq + 1;
  if (timeline.epoch !== answer.epoch || first > timeline.last + 1 || timeline.last > answer.seq) return [];
  return timeline.events.filter((event) => event.seq < first);
}

/** Start anew with the messages that follow. The old entries stay on show until the first message arrives. */
function restarting(timeline: Timeline, answer: JoinAnswer): Timeline {
  return { ...timeline, epoch: answer.epoch, ahead: [], dropped: 0, more: false, cut: true, isRestarting: true };
}

/** Append each run of contiguous messages in one step, because a replay brings thousands. */
function live(timeline: Timeline, messages: readonly Message[]): Timeline {
  let now = timeline;
  let run: Message[] = [];
  for (const message of messages) {
    const isNext = message.epoch === now.epoch && message.seq === now.last + run.length + 1;
    if (isNext && !now.isRestarting) {
      run.push(message);
    } else {
      now = liveOne(appended(now, run), message);
      run = [];
    }
  }
  return appended(now, run);
}

function appended(timeline: Timeline, run: readonly Message[]): Timeline {
  if (run.length === 0) return timeline;
  return drain({ ...timeline, last: timeline.last + run.length, events: [...timeline.events, ...run] });
}

function liveOne(timeline: Timeline, message: Message): Timeline {
  const isSameEpoch = timeline.epoch === message.epoch;
  if (isSameEpoch && timeline.isRestarting) {
    const { seq } = message;
    return { ...timeline, last: seq, events: [message], more: seq > 1, isRestarting: false };
  }
  if (isSameEpoch && message.seq <= timeline.last) return timeline;
  if (isSameEpoch && message.seq === timeline.last + 1) {
    return appended(timeline, [message]);
  }
  return waiting(timeline, message);
}

/** Let a message wait until the gap before it is filled. Above MAX_AHEAD drop the newest; the log still has them. */
function waiting(timeline: Timeline, message: Message): Timeline {
  if (timeline.ahead.some((other) => other.seq === message.seq && other.epoch === message.epoch)) return timeline;
  const ahead = sorted([...timeline.ahead, message]);
  const dropped = ahead.slice(MAX_AHEAD).filter((one) => one.epoch === timeline.epoch);
  const highest = Math.max(timeline.dropped, ...dropped.map(({ seq }) => seq));
  return { ...timeline, ahead: ahead.slice(0, MAX_AHEAD), dropped: highest };
}

function history(timeline: Timeline, page: Page): Timeline {
  const first = timeline.events[0]?.seq ?? timeline.last + 1;
  const older = sorted(page.messages).filter((message) => message.seq < first);
  return { ...timeline, events: [...older, ...timeline.events], more: page.more && older.length > 0 };
}

/** Move the messages that have become contiguous from `ahead` to `events`, and apply MAX_EVENTS. */
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
  return bounded({
    ...timeline,
    last,
    events: taken.length ? [...timeline.events, ...taken] : timeline.events,
    ahead: rest,
  });
}

function bounded(timeline: Timeline): Timeline {
  return timeline.events.length > MAX_EVENTS ? released(timeline, KEPT_EVENTS) : timeline;
}

/** Drop the oldest entries beyond the newest `keep`; the log still has them. */
function released(timeline: Timeline, keep: number): Timeline {
  if (timeline.events.length <= keep) return timeline;
  return { ...timeline, events: timeline.events.slice(timeline.events.length - keep), more: true };
}

function sorted(messages: readonly Message[]): Message[] {
  return [...messages].sort((a, b) => a.seq - b.seq);
}
