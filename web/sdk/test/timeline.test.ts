import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { keptOf, timelineOf } from "../src/cached_room.ts";
import type { Message } from "../src/protocol/messages.ts";
import type { JoinAnswer } from "../src/protocol/rooms.ts";
import {
  EMPTY_TIMELINE,
  hasGap,
  isReplay,
  MAX_AHEAD,
  MAX_EVENTS,
  reduceTimeline,
  sinceOf,
  type Timeline,
} from "../src/timeline.ts";

function entry(seq: number, epoch = "e1"): Message {
  return { room: "r", seq, epoch, time: seq, id: `m${seq}`, user: "ada", name: "Ada", kind: "text", text: `${seq}` };
}

function range(from: number, to: number): Message[] {
  return Array.from({ length: to - from + 1 }, (_, index) => entry(from + index));
}

function answer(part: Partial<JoinAnswer>): JoinAnswer {
  const empty = { room: "r", epoch: "e1", seq: 0, recovered: false, messages: [], more: false };
  return { ...empty, occupancy: 1, members: [], read: {}, ...part };
}

function first(messages: Message[], more = false): Timeline {
  const joined = answer({ messages, more, seq: messages.at(-1)?.seq ?? 0 });
  return reduceTimeline(EMPTY_TIMELINE, { type: "joined", answer: joined, since: null });
}

function live(timeline: Timeline, ...messages: Message[]): Timeline {
  return messages.reduce((now, message) => reduceTimeline(now, { type: "live", messages: [message] }), timeline);
}

const seqs = (timeline: Timeline) => timeline.events.map((event) => event.seq);

describe("the entries from the room cache", () => {
  const shown = timelineOf({ epoch: "e1", last: 8, events: range(5, 8), more: true, read: {} });
  const page = (part: Partial<JoinAnswer>) =>
    reduceTimeline(shown, { type: "joined", answer: answer({ more: true, ...part }), since: null });

  it("are shown, but the next join requests the latest page", () => {
    assert.deepEqual(seqs(shown), [5, 6, 7, 8]);
    assert.equal(sinceOf(shown), null);
    assert.equal(hasGap(live(shown, entry(12))), false);
  });

  it("stay in front of a page that follows without a gap", () => {
    for (const [from, to] of [
      [7, 9],
      [9, 10],
    ] as const) {
      const timeline = page({ messages: range(from, to), seq: to });
      assert.deepEqual(
        seqs(timeline),
        range(5, to).map(({ seq }) => seq),
      );
      assert.deepEqual(sinceOf(timeline), { seq: to, epoch: "e1" });
      assert.deepEqual([timeline.cut, timeline.more, timeline.isKept], [false, true, false]);
    }
  });

  it("are dropped if there is a gap before the page, and `cut` stays false", () => {
    const timeline = page({ messages: range(10, 12), seq: 12 });
    assert.deepEqual(seqs(timeline), [10, 11, 12]);
    assert.equal(timeline.cut, false);
  });

  it("are dropped if the log has a new epoch, or a lower seq", () => {
    assert.deepEqual(seqs(page({ epoch: "e2", messages: [entry(9, "e2")], seq: 9 })), [9]);
    assert.deepEqual(seqs(page({ messages: range(1, 3), seq: 3, more: false })), [1, 2, 3]);
  });
});

describe("the entries stored in the room cache", () => {
  it("are none until the server has confirmed the timeline", () => {
    assert.equal(keptOf(EMPTY_TIMELINE, {}, 10), null);
    assert.equal(keptOf(timelineOf({ epoch: "e1", last: 1, events: [entry(1)], more: false, read: {} }), {}, 10), null);
  });

  it("are the newest ones, with `more` if the log has older ones", () => {
    const kept = keptOf(first(range(1, 9)), { bob: 3 }, 4);
    assert.deepEqual(
      kept?.events.map(({ seq }) => seq),
      [6, 7, 8, 9],
    );
    assert.deepEqual([kept?.last, kept?.more, kept?.read], [9, true, { bob: 3 }]);
    assert.equal(keptOf(first(range(1, 3)), {}, 4)?.more, false);
  });

  it("are bounded in size", () => {
    const long = range(1, 30).map((message) => ({ ...message, text: "x".repeat(15_000) }));
    const kept = keptOf(first(long), {}, 100);
    assert.equal(kept?.events.at(-1)?.seq, 30);
    assert.ok(JSON.stringify(kept?.events).length < 201_000);
  });

  it("do not include the text of a deleted message", () => {
    const deletion: Message = { ...entry(3), kind: "delete", target: 1 };
    const edit: Message = { ...entry(2), kind: "edit", target: 1, text: "a secret, too" };
    const kept = keptOf(first([{ ...entry(1), text: "a secret" }, edit, deletion]), {}, 10);
    assert.equal(JSON.stringify(kept).includes("secret"), false);
    assert.equal(kept?.events.length, 3);
  });
});

describe("timeline", () => {
  it("has the page of the first join, and later the live messages", () => {
    const timeline = live(first(range(5, 7), true), entry(8));
    assert.deepEqual(seqs(timeline), [5, 6, 7, 8]);
    assert.equal(timeline.more, true);
    assert.equal(timeline.cut, false);
    assert.deepEqual(sinceOf(timeline), { seq: 8, epoch: "e1" });
  });

  it("is unchanged by a duplicate", () => {
    const timeline = first(range(1, 3));
    assert.equal(live(timeline, entry(2)), timeline);
  });

  it("does not show messages until the gap before them is filled", () => {
    const holed = live(first(range(1, 3)), entry(6), entry(5), entry(6));
    assert.deepEqual(seqs(holed), [1, 2, 3]);
    assert.equal(hasGap(holed), true);
    const whole = live(holed, entry(4));
    assert.deepEqual(seqs(whole), [1, 2, 3, 4, 5, 6]);
    assert.equal(hasGap(whole), false);
  });

  it("keeps live messages that arrive before the answer to the join", () => {
    const early = live(EMPTY_TIMELINE, entry(4));
    assert.equal(hasGap(early), false);
    const joined = answer({ messages: range(1, 3), seq: 3 });
    assert.deepEqual(seqs(reduceTimeline(early, { type: "joined", answer: joined, since: null })), [1, 2, 3, 4]);
  });

  it("recovers in pages", () => {
    let timeline = live(first(range(1, 2)), entry(9));
    const page1 = answer({ recovered: true, messages: range(3, 5), seq: 9, more: true });
    timeline = reduceTimeline(timeline, { type: "joined", answer: page1, since: sinceOf(timeline) });
    assert.equal(timeline.last, 5);
    const page2 = answer({ recovered: true, messages: range(6, 9), seq: 9 });
    timeline = reduceTimeline(timeline, { type: "joined", answer: page2, since: sinceOf(timeline) });
    assert.deepEqual(seqs(timeline), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert.equal(hasGap(timeline), false);
  });

  it("starts anew and sets `cut` if missed entries could not be recovered", () => {
    const before = first(range(1, 3));
    const joined = answer({ epoch: "e2", messages: [entry(2, "e2")], seq: 2, more: true });
    const timeline = reduceTimeline(before, { type: "joined", answer: joined, since: sinceOf(before) });
    assert.deepEqual([seqs(timeline), timeline.epoch, timeline.cut, timeline.last], [[2], "e2", true, 2]);
    assert.equal(live(timeline, entry(3, "e2")).last, 3);
  });

  it("starts anew if the answer says `recovered` but has another epoch", () => {
    const before = first(range(1, 3));
    const joined = answer({ epoch: "e2", recovered: true, messages: [entry(9, "e2")], seq: 9 });
    const timeline = reduceTimeline(before, { type: "joined", answer: joined, since: sinceOf(before) });
    assert.deepEqual([seqs(timeline), timeline.cut], [[9], true]);
  });

  it("treats a live message of another epoch as a gap", () => {
    assert.equal(hasGap(live(first(range(1, 3)), entry(4, "e2"))), true);
  });

  it("still has a gap after messages above MAX_AHEAD were dropped", () => {
    const full = live(first(range(1, 3)), ...range(5, MAX_AHEAD + 10));
    assert.equal(full.ahead.length, MAX_AHEAD);
    const filled = live(full, entry(4));
    assert.deepEqual([filled.last, filled.ahead.length, hasGap(filled)], [MAX_AHEAD + 4, 0, true]);
    const rest = answer({ recovered: true, messages: range(MAX_AHEAD + 5, MAX_AHEAD + 10), seq: MAX_AHEAD + 10 });
    const whole = reduceTimeline(filled, { type: "joined", answer: rest, since: sinceOf(filled) });
    assert.equal(hasGap(whole), false);
  });

  it("drops waiting messages whose epoch differs from the epoch of the answer", () => {
    const holed = live(first(range(1, 3)), entry(4, "e0"));
    assert.equal(hasGap(holed), true);
    const same = answer({ recovered: true, seq: 3 });
    assert.equal(hasGap(reduceTimeline(holed, { type: "joined", answer: same, since: sinceOf(holed) })), false);
  });

  it("grows with each message of a replay", () => {
    const before = first(range(1, 3));
    const replay = answer({ recovered: true, seq: 6 });
    assert.equal(isReplay(replay, sinceOf(before)), true);
    const joined = reduceTimeline(before, { type: "joined", answer: replay, since: sinceOf(before) });
    assert.equal(joined.last, 3);
    assert.deepEqual(seqs(live(joined, ...range(4, 7))), [1, 2, 3, 4, 5, 6, 7]);
  });

  it("starts anew with the first message of a replay that did not recover all entries", () => {
    const before = live(first(range(1, 3)), entry(90));
    const replay = answer({ epoch: "e2", seq: 60 });
    const joined = reduceTimeline(before, { type: "joined", answer: replay, since: sinceOf(before) });
    assert.deepEqual([seqs(joined), sinceOf(joined), hasGap(joined)], [[1, 2, 3], null, false]);
    const after = live(joined, entry(59, "e2"), entry(60, "e2"));
    assert.deepEqual([seqs(after), after.more, after.cut, hasGap(after)], [[59, 60], true, true, false]);
  });

  it("does not wait for a replay if no entry is missing", () => {
    assert.equal(isReplay(answer({ recovered: true, seq: 3 }), { seq: 3, epoch: "e1" }), false);
    assert.equal(isReplay(answer({ seq: 0 }), { seq: 3, epoch: "e1" }), false);
    assert.equal(isReplay(answer({ seq: 3 }), null), false);
  });

  it("adds older pages before the entries, without duplicates", () => {
    const timeline = reduceTimeline(first(range(5, 7), true), {
      type: "history",
      page: { messages: range(2, 5), more: false },
    });
    assert.deepEqual([seqs(timeline), timeline.more], [[2, 3, 4, 5, 6, 7], false]);
  });

  it("has no older entries after an empty page", () => {
    const timeline = reduceTimeline(first(range(5, 7), true), { type: "history", page: { messages: [], more: true } });
    assert.equal(timeline.more, false);
  });

  it("is bounded, and can load the dropped entries again", () => {
    const timeline = live(first(range(1, MAX_EVENTS)), entry(MAX_EVENTS + 1));
    assert.ok(timeline.events.length < MAX_EVENTS);
    assert.equal(timeline.more, true);
    assert.equal(timeline.events.at(-1)?.seq, MAX_EVENTS + 1);
  });

  it("releases old entries on request, and loads them again without a gap", () => {
    const released = reduceTimeline(first(range(1, 300)), { type: "released", keep: 100 });
    assert.deepEqual([released.events.length, released.events[0]?.seq, released.more], [100, 201, true]);
    assert.equal(released.last, 300);
    const page = { messages: range(151, 200), more: true };
    const again = reduceTimeline(released, { type: "history", page });
    assert.deepEqual(
      again.events.map(({ seq }) => seq),
      range(151, 300).map(({ seq }) => seq),
    );
    assert.equal(reduceTimeline(again, { type: "released", keep: 150 }), again);
  });
});
