import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ChatMessage } from "@roomcast/sdk";
import {
  dayLabel,
  fileSize,
  initials,
  isEmojiOnly,
  linkParts,
  nameList,
  roomTitle,
  typingText,
} from "../src/format.ts";
import { fitted } from "../src/image_size.ts";
import { hashOfRoom, roomOfHash, roomOfInput, slugOf } from "../src/route.ts";
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

describe("rows", () => {
  it("groups one author's messages that are close in time, and separates days", () => {
    const messages = [
      message(1, "ada", NOON - 24 * 60 * MINUTE),
      message(2, "ada", NOON),
      message(3, "ada", NOON + MINUTE),
      message(4, "bob", NOON + 2 * MINUTE),
      message(5, "bob", NOON + 10 * MINUTE),
    ];
    assert.equal(sketch(buildRows(messages, "ada", null)), "day (own1) day (own2 own3) (4) (5)");
  });

  it("puts the unread line before the first unread message of another person, also within a group", () => {
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

  it("separates days by the local calendar, also where a day has 23 or 25 hours", () => {
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

  it("keeps a message's key from draft to sent, and has different keys for two authors' messages with one id", () => {
    const keyOf = (one: ChatMessage) => buildRows([one], "ada", null).at(-1)?.key;
    const sent = message(1, "ada", NOON);
    assert.equal(keyOf({ ...sent, seq: null, state: "sending" }), keyOf(sent));
    assert.notEqual(keyOf(sent), keyOf({ ...sent, user: "bob" }));
  });

  it("keeps every row when older messages are added, of the same or another day", () => {
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

  it("leaves system messages out of groups", () => {
    const messages = [message(1, "ada", NOON), message(2, "ada", NOON, { kind: "system" }), message(3, "ada", NOON)];
    assert.equal(sketch(buildRows(messages, "ada", null)), "day (own1) (own2) (own3)");
  });

  it("counts undeleted messages of others as unread", () => {
    const messages = [
      message(1, "bob", 1),
      message(2, "bob", 1),
      message(3, "ada", 1),
      message(4, "bob", 1, { deleted: true }),
    ];
    assert.deepEqual([countUnread(messages, "ada", 1), countUnread(messages, "ada", 0)], [1, 2]);
  });
});

describe("route", () => {
  it("turns a room into an address and back", () => {
    for (const room of ["public:lobby", "dm:a.b@x:c-d", "room:plans-1a2b3c4d"]) {
      assert.equal(roomOfHash(hashOfRoom(room)), room);
    }
    for (const hash of ["", "#/room/", "#/room/%E0%A4%A", "#/room/a b", "#/other"])
      assert.equal(roomOfHash(hash), null);
  });

  it("reads links, room ids and names of public rooms that people paste", () => {
    assert.equal(roomOfInput("https://chat.example.org/#/room/public:lobby"), "public:lobby");
    assert.equal(roomOfInput("room:plans-1a2b3c4d"), "room:plans-1a2b3c4d");
    assert.equal(roomOfInput("Weekend plans"), "public:weekend-plans");
    assert.equal(roomOfInput(" ?! "), null);
    assert.equal(slugOf("Über Straße 7"), "uber-stra-e-7");
  });
});

function linksIn(text: string): string[] {
  return linkParts(text).flatMap((part) => part.href ?? []);
}

describe("format", () => {
  it("names today, yesterday and other days", () => {
    assert.equal(dayLabel(NOON, NOON), "Today");
    assert.equal(dayLabel(NOON - 24 * 60 * MINUTE, NOON), "Yesterday");
    assert.match(dayLabel(NOON - 3 * 24 * 60 * MINUTE, NOON), /20/);
  });

  it("links only web addresses, without a full stop after them", () => {
    const text = "see https://a.example/x?y=1. or javascript:alert(1)";
    assert.deepEqual(linksIn(text), ["https://a.example/x?y=1"]);
    assert.equal(
      linkParts(text)
        .map((part) => part.text)
        .join(""),
      text,
    );
  });

  it("keeps brackets that belong to an address, and leaves out brackets around it", () => {
    const cases: [string, string][] = [
      ["https://en.wikipedia.org/wiki/Mars_(planet)", "https://en.wikipedia.org/wiki/Mars_(planet)"],
      ["(see https://en.wikipedia.org/wiki/Mars_(planet))", "https://en.wikipedia.org/wiki/Mars_(planet)"],
      ["(https://a.example/b).", "https://a.example/b"],
      ["[https://a.example/b?c[0]=1]", "https://a.example/b?c[0]=1"],
      ["https://a.example/(b)/c).", "https://a.example/(b)/c"],
      ["https://a.example/b)))", "https://a.example/b"],
      ["「https://a.example/議事録」。", "https://a.example/議事録"],
      ["https://a.example/b_", "https://a.example/b_"],
    ];
    for (const [text, url] of cases) assert.deepEqual(linksIn(text), [url], text);
  });

  it("splits a hostile text in linear time", () => {
    const text = `https://a.example/${")".repeat(16_000)}`;
    assert.deepEqual(linksIn(text), ["https://a.example/"]);
  });

  it("names people and rooms", () => {
    assert.equal(initials("Ada Byron King"), "AK");
    assert.equal(initials(""), "?");
    assert.equal(nameList(["Ada", "Bob", "Cy", "Di"]), "Ada, Bob and 2 others");
    assert.equal(typingText(["Ada", "Bob"]), "Ada and Bob are typing");
    assert.equal(
      roomTitle("dm:ada:bob", null, "ada", () => "Bob"),
      "Bob",
    );
    assert.equal(roomTitle("room:plans-1a2b3c4d", null, "ada", String), "plans");
    assert.equal(roomTitle("room:x", "Plans", "ada", String), "Plans");
  });

  it("formats file sizes, and recognizes texts of emoji only", () => {
    assert.deepEqual([fileSize(999), fileSize(12_345), fileSize(2_340_000)], ["999 B", "12 kB", "2.3 MB"]);
    assert.deepEqual(["👍", "❤️ 🎉", "👍 ok", "12", ""].map(isEmojiOnly), [true, true, false, false, false]);
    assert.deepEqual(fitted({ width: 1200, height: 800 }, 380, 340), { width: 380, height: 253 });
    assert.deepEqual(fitted({ width: 10, height: 10 }, 380, 340), { width: 10, height: 10 });
  });
});
