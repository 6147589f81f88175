import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { HiddenRooms } from "../src/hidden_rooms.ts";

describe("rooms that were left", () => {
  it("stay hidden if they are public, and return with a new entry if they are direct, also after a reload", () => {
    const kept = new Map<string, string>();
    const storage = {
      getItem: (key: string) => kept.get(key) ?? null,
      setItem: (key: string, value: string) => void kept.set(key, value),
    };
    const before = new HiddenRooms(storage, "ada");
    before.add("public:a", 5);
    before.add("dm:ada:bob", 5);
    const hidden = new HiddenRooms(storage, "ada");
    assert.deepEqual([hidden.hides("public:a", 5), hidden.hides("public:a", 9)], [true, true]);
    assert.deepEqual([hidden.hides("dm:ada:bob", 5), hidden.hides("dm:ada:bob", 6)], [true, false]);
    hidden.delete("public:a");
    assert.equal(new HiddenRooms(storage, "ada").hides("public:a", 5), false);
    kept.set("roomcast:left:ada", '["public:a", 7, null]');
    assert.equal(new HiddenRooms(storage, "ada").hides("public:a", 5), false);
  });
});
