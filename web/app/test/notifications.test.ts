import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { InboxRoom } from "@roomcast/sdk";
import { notable } from "../src/notifications.ts";

const line = (room: string, more: Partial<InboxRoom> = {}): InboxRoom => {
  const last = { seq: 1, epoch: "e", time: 1, id: "i", user: "bob", name: "Bob", kind: "text" as const, text: "x" };
  return { room, name: room, seq: 1, epoch: "e", active: 1, unread: 0, mentions: 0, read: 0, last, ...more };
};

const before = (...lines: InboxRoom[]) => new Map(lines.map((one) => [one.room, one]));
const notified = (known: InboxRoom[], now: InboxRoom[]) =>
  notable(before(...known), now, "ada").map(({ room }) => room);

describe("notifications", () => {
  it("are shown for new mentions in any room, and for new direct messages", () => {
    const known = [line("public:a", { unread: 1 }), line("dm:ada:bob"), line("team", { mentions: 1, unread: 1 })];
    const now = [line("public:a", { unread: 2 }), line("dm:ada:bob", { unread: 1 }), line("team", { mentions: 2 })];
    assert.deepEqual(notified(known, now), ["dm:ada:bob", "team"]);
    assert.deepEqual(notified(now, now), []);
  });

  it("are shown for the first message of a direct room", () => {
    assert.deepEqual(notified([], [line("dm:ada:bob", { unread: 1 }), line("public:a", { unread: 1 })]), [
      "dm:ada:bob",
    ]);
  });

  it("are not shown for the user's own messages, nor when counts go down", () => {
    const own = line("dm:ada:bob", { unread: 1, last: { ...line("x").last!, user: "ada" } });
    assert.deepEqual(notified([line("dm:ada:bob")], [own]), []);
    assert.deepEqual(notified([line("team", { mentions: 2 })], [line("team", { mentions: 1 })]), []);
  });
});
