import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { JoinedRooms } from "../src/joined_rooms.ts";

describe("joined rooms", () => {
  it("are at most three: above that, `use` returns the room used longest ago, except the lobby", () => {
    const joined = new JoinedRooms(3, "lobby");
    assert.deepEqual([joined.use("lobby"), joined.use("a"), joined.use("b")], [null, null, null]);
    assert.equal(joined.isFull, true);
    joined.use("a");
    assert.equal(joined.use("c"), "b");
    assert.equal(joined.use("c"), null);
    assert.equal(joined.use("d"), "a");
    assert.deepEqual(
      ["lobby", "a", "b", "c", "d"].filter((room) => joined.has(room)),
      ["lobby", "c", "d"],
    );
    joined.delete("c");
    assert.equal(joined.use("a"), null);
  });
});
