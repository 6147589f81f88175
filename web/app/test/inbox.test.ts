import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { InboxRoom } from "@roomcast/sdk";
import { notable } from "../src/notifications.ts";
import { mentionsIn } from "../src/people_search.ts";
import { matching } from "../src/room_search.ts";

const line = (room: string, more: Partial<InboxRoom> = {}): InboxRoom => {
  const last = { seq: 1, epoch: "e", time: 1, id: "i", user: "bob", name: "Bob", kind: "text" as const, text: "x" };
  return { room, name: room, seq: 1, epoch: "e", active: 1, unread: 0, mentions: 0, read: 0, last, ...more };
};
const before = (...lines: InboxRoom[]) => new Map(lines.map((one) => [one.room, one]));
const told = (known: InboxRoom[], now: InboxRoom[]) => notable(before(...known), now, "ada").map(({ room }) => room);

describe("notifications", () => {
  it("are for new mentions in any room, and for new direct messages", () => {
    const known = [line("public:a", { unread: 1 }), line("dm:ada:bob"), line("team", { mentions: 1, unread: 1 })];
    const now = [line("public:a", { unread: 2 }), line("dm:ada:bob", { unread: 1 }), line("team", { mentions: 2 })];
    assert.deepEqual(told(known, now), ["dm:ada:bob", "team"]);
    assert.deepEqual(told(now, now), []);
  });

  it("are for the first message of a direct room", () => {
    assert.deepEqual(told([], [line("dm:ada:bob", { unread: 1 }), line("public:a", { unread: 1 })]), ["dm:ada:bob"]);
  });

  it("are not for one's own messages or for reading", () => {
    const own = line("dm:ada:bob", { unread: 1, last: { ...line("x").last!, user: "ada" } });
    assert.deepEqual(told([line("dm:ada:bob")], [own]), []);
    assert.deepEqual(told([line("team", { mentions: 2 })], [line("team", { mentions: 1 })]), []);
  });
});

describe("mentions in a text", () => {
  const people = [
    { user: "ada", name: "Ada Lovelace" },
    { user: "al", name: "Al" },
    { user: "u-1", name: "Zoë" },
  ];

  it("are whole names or ids after an @", () => {
    assert.deepEqual(mentionsIn("@ada lovelace, ask @ZOË!", people), ["ada", "u-1"]);
    assert.deepEqual(mentionsIn("(@u-1) and @al", people), ["al", "u-1"]);
  });

  it("are not parts of words or addresses", () => {
    assert.deepEqual(mentionsIn("mail al@al.example, @alfred, Al", people), []);
    assert.deepEqual(mentionsIn("@alfred, but @al", people), ["al"]);
  });
});

describe("the quick switcher", () => {
  const titles = ["Weekend", "Team Blue", "Blue sky", "Café"];
  const found = (text: string) =>
    matching(
      titles.map((title) => ({ title })),
      text,
    ).map(({ title }) => title);

  it("finds rooms by a part of the name; names that begin with the text come first", () => {
    assert.deepEqual(found("blue"), ["Blue sky", "Team Blue"]);
    assert.deepEqual(found(" cafe "), ["Café"]);
    assert.deepEqual(found(""), titles);
    assert.deepEqual(found("none"), []);
  });
});
