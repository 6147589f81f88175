import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ChatMessage } from "@roomcast/sdk";
import { buildRows, countUnread, type Row } from "../src/timeline_rows.ts";

const NOON = new Date(2026, 10, 23, 12).getTime();
const MINUTE = 60_000;

function message(seq: number, user: string, time: number, part: Partial<ChatMessage> = {}): ChatMessage {
  const base = { id: `m${seq}`, seq, user, name: user, time, kind: "text" as const, text: "x" };
  return { ...base, edited: false, deleted: false, reactions: [], state: "sent", ...part };
}

/** Return the rows in short form: the seq of each message, with brackets around each group. */
function sketch(rows: readonly Row[]): string {
  const word = ({ day, unread, first, own, message: { seq }, last }: Row) =>
    `${day === null ? "" : "day "}${unread ? "unread " : ""}${first ? "(" : ""}${own ? "own" : ""}${seq}${last ? ")" : ""}`;
  return rows.map(word).join(" ");
}

describe("the rows of a timeline", () => {
  it("group messages of one author that are close in time, and separate days", () => {
    const messages = [
      message(1, "ada", NOON - 24 * 60 * MINUTE),
      message(2, "ada", NOON),
      message(3, "ada", NOON + MINUTE),
      message(4, "bob", NOON + 2 * MINUTE),
      message(5, "bob", NOON + 10 * MINUTE),
    ];
    assert.equal(sketch(buildRows(messages, "ada", null)), "day (own1) day (own2 own3) (4) (5)");
  });

  it("have the unread line before the first unread message of another user", () => {
    const messages = [
      message(1, "bob", NOON),
      message(2, "ada", NOON),
      message(3, "bob", NOON),
      message(4, "bob", NOON),
    ];
    assert.equal(sketch(buildRows(messages, "ada", 1)), "day (1) (own2) unread (3 4)");
    assert.equal(sketch(buildRows(messages, "ada", 3)), "day (1) (own2) (3) unread (4)");
    assert.equal(sketch(buildRows(messages, "ada", 4)), "day (1) (own2) (3 4)");
  });

  it("separate days by the local calendar, also if a day has 23 or 25 hours", () => {
    for (const [year, month, day] of [
      [2026, 2, 29],
      [2026, 9, 25],
      [2026, 10, 23],
    ] as const) {
      const start = new Date(year, month, day).getTime();
      const next = new Date(year, month, day + 1).getTime();
      const messages = [message(1, "ada", start), message(2, "ada", next - 1), message(3, "ada", next)];
      assert.equal(sketch(buildRows(messages, "ada", null)), "day (own1) (own2) day (own3)");
    }
  });

  it("have the same key for a draft and the sent message, and different keys for two authors", () => {
    const keyOf = (one: ChatMessage) => buildRows([one], "ada", null).at(-1)?.key;
    const sent = message(1, "ada", NOON);
    assert.equal(keyOf({ ...sent, seq: null, state: "sending" }), keyOf(sent));
    assert.notEqual(keyOf(sent), keyOf({ ...sent, user: "bob" }));
  });

  it("keep their keys when older messages are added", () => {
    const later = [message(3, "ada", NOON), message(4, "bob", NOON)];
    const older = [message(1, "bob", NOON - 24 * 60 * MINUTE), message(2, "ada", NOON - MINUTE)];
    const before = buildRows(later, "ada", null).map((row) => row.key);
    const after = buildRows([...older, ...later], "ada", null);
    assert.deepEqual(
      after.slice(-2).map((row) => row.key),
      before,
    );
    assert.equal(sketch(after), "day (1) day (own2 own3) (4)");
  });

  it("do not group system messages", () => {
    const messages = [message(1, "ada", NOON), message(2, "ada", NOON, { kind: "system" }), message(3, "ada", NOON)];
    assert.equal(sketch(buildRows(messages, "ada", null)), "day (own1) (own2) (own3)");
  });

  it("count as unread if they are another user's and not deleted", () => {
    const messages = [
      message(1, "bob", 1),
      message(2, "bob", 1),
      message(3, "ada", 1),
      message(4, "bob", 1, { deleted: true }),
    ];
    assert.deepEqual([countUnread(messages, "ada", 1), countUnread(messages, "ada", 0)], [1, 2]);
  });
});
