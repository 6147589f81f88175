import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LiveRooms } from "../src/live_rooms.ts";

describe("live rooms", () => {
  it("are at most three: `use` returns the room used longest ago, but never the lobby, which stays joined", () => {
    const live = new LiveRooms(3, "lobby");
    assert.deepEqual([live.use("lobby"), live.use("a"), live.use("b")], [null, null, null]);
    assert.equal(live.isFull, true);
    live.use("a");
    assert.equal(live.use("c"), "b");
    assert.equal(live.use("c"), null);
    assert.equal(live.use("d"), "a");
    assert.deepEqual(
      ["lobby", "a", "b", "c", "d"].filter((room) => live.has(room)),
      ["lobby", "c", "d"],
    );
    live.delete("c");
    assert.equal(live.use("a"), null);
  });
});
