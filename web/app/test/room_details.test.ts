import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RoomcastError, type Client, type RoomChange, type RoomInfo } from "@roomcast/sdk";
import { canDescribe, RoomDetails } from "../src/room_details.ts";

const INFO: RoomInfo = { room: "room:a", kind: "private", name: "A", topic: "", data: {}, owner: "ada", role: "owner" };

/** Return a client that answers `room:info` from `answers`: a description, or the reason of a refusal. */
function clientOf(answers: Record<string, RoomInfo | "not_found" | "unavailable">) {
  const listeners: ((change: RoomChange) => void)[] = [];
  const info = async (room: string) => {
    const answer = answers[room]!;
    if (typeof answer === "string") throw RoomcastError.of(answer);
    return answer;
  };
  const client = {
    on: (_: string, listener: (change: RoomChange) => void) => listeners.push(listener),
    admin: (room: string) => ({ info: () => info(room) }),
  };
  const tell = (change: RoomChange) => {
    for (const listener of listeners) listener(change);
  };
  return { client: client as unknown as Client, tell };
}

describe("the description of a room", () => {
  it("is updated by events, and kept when the server is unavailable", async () => {
    const answers: Record<string, RoomInfo | "not_found" | "unavailable"> = { "room:a": INFO, "public:x": "not_found" };
    const { client, tell } = clientOf(answers);
    const details = new RoomDetails(client);
    await details.load("room:a");
    await details.load("public:x");
    assert.deepEqual([details.of("room:a"), details.of("public:x"), details.of("room:b")], [INFO, null, null]);
    tell({ room: "room:a", change: "updated", name: "B", topic: "News", data: {} });
    assert.deepEqual(details.of("room:a"), { ...INFO, name: "B", topic: "News" });
    answers["room:a"] = "unavailable";
    await details.load("room:a");
    assert.equal(details.of("room:a")?.topic, "News");

    const before = details.membersVersion("room:a");
    answers["room:a"] = { ...INFO, owner: "bob", role: "admin" };
    const changed = new Promise<void>((resolve) => {
      details.subscribe(() => details.of("room:a")?.owner === "bob" && resolve());
    });
    tell({ room: "room:a", change: "role", user: "bob", role: "owner" });
    await changed;
    assert.equal(details.membersVersion("room:a"), before + 1);
    tell({ room: "room:a", change: "removed" });
    assert.equal(details.of("room:a"), null);
  });

  it("can be changed by owners and admins, but not in public rooms", () => {
    assert.deepEqual(
      [INFO, { ...INFO, role: "member" as const }, { ...INFO, room: "public:a" }, null].map(canDescribe),
      [true, false, false, false],
    );
  });
});
