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
import { fitted } from "../src/images.ts";
import { hashOfRoom, roomOfHash, roomOfInput, slugOf } from "../src/route.ts";
import { buildRows, countUnread } from "../src/rows.ts";

const NOON = new Date(2026, 10, 23, 12).getTime();
const MINUTE = 60_000;

function message(seq: number, user: string, time: number, part: Partial<ChatMessage> = {}): ChatMessage {
  const base = { id: `m${seq}`, seq, user, name: user, time, kind: "text" as const, text: "x" };
  return { ...base, edited: false, deleted: false, reactions: [], state: "sent", ...part };
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
    const rows = buildRows(messages, "ada", null);
    assert.deepEqual(
      rows.map((row) => row.type),
      ["day", "group", "day", "group", "group", "group"],
    );
    assert.equal(rows[3]?.type === "group" && rows[3].own && rows[3].messages.length, 2);
  });

  it("puts the line before the first unread message of somebody else, within a group too", () => {
    const messages = [
      message(1, "bob", NOON),
      message(2, "ada", NOON),
      message(3, "bob", NOON),
      message(4, "bob", NOON),
    ];
    const rows = buildRows(messages, "ada", 1);
    assert.deepEqual(
      rows.map((row) => row.type),
      ["day", "group", "group", "unread", "group"],
    );
    assert.deepEqual(
      buildRows(messages, "ada", 3)
        .map((row) => row.type)
        .slice(-3),
      ["group", "unread", "group"],
    );
    assert.ok(!buildRows(messages, "ada", 4).some((row) => row.type === "unread"));
  });

  it("never gives two rows the same key", () => {
    const day = 24 * 60 * MINUTE;
    const messages = [message(1, "ada", NOON), message(2, "ada", NOON - day), message(3, "ada", NOON)];
    const keys = buildRows(messages, "ada", null).map((row) => row.key);
    assert.equal(new Set(keys).size, keys.length);
  });

  it("counts as unread what others wrote and did not delete", () => {
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
  it("survives the way through an address", () => {
    for (const room of ["public:lobby", "dm:a.b@x:c-d", "room:plans-1a2b3c4d"]) {
      assert.equal(roomOfHash(hashOfRoom(room)), room);
    }
    for (const hash of ["", "#/room/", "#/room/%E0%A4%A", "#/room/a b", "#/other"])
      assert.equal(roomOfHash(hash), null);
  });

  it("understands what people paste", () => {
    assert.equal(roomOfInput("https://chat.example.org/#/room/public:lobby"), "public:lobby");
    assert.equal(roomOfInput("room:plans-1a2b3c4d"), "room:plans-1a2b3c4d");
    assert.equal(roomOfInput("Weekend plans"), "public:weekend-plans");
    assert.equal(roomOfInput(" ?! "), null);
    assert.equal(slugOf("Über Straße 7"), "uber-stra-e-7");
  });
});

describe("format", () => {
  it("names days as people do", () => {
    assert.equal(dayLabel(NOON, NOON), "Today");
    assert.equal(dayLabel(NOON - 24 * 60 * MINUTE, NOON), "Yesterday");
    assert.match(dayLabel(NOON - 3 * 24 * 60 * MINUTE, NOON), /20/);
  });

  it("links only web addresses, without the full stop behind them", () => {
    const parts = linkParts("see https://a.example/x?y=1. or javascript:alert(1)");
    assert.deepEqual(
      parts.map((part) => part.href),
      [undefined, "https://a.example/x?y=1", undefined],
    );
    assert.equal(parts.map((part) => part.text).join(""), "see https://a.example/x?y=1. or javascript:alert(1)");
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

  it("knows sizes and lone emoji", () => {
    assert.deepEqual([fileSize(999), fileSize(12_345), fileSize(2_340_000)], ["999 B", "12 kB", "2.3 MB"]);
    assert.deepEqual(["👍", "❤️ 🎉", "👍 ok", "12", ""].map(isEmojiOnly), [true, true, false, false, false]);
    assert.deepEqual(fitted({ width: 1200, height: 800 }, 380, 340), { width: 380, height: 253 });
    assert.deepEqual(fitted({ width: 10, height: 10 }, 380, 340), { width: 10, height: 10 });
  });
});
