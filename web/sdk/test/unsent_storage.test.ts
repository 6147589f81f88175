import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { reduceOutbox, type Draft } from "../src/outbox.ts";
import { MarkStorage, OutboxStorage } from "../src/unsent_storage.ts";
import { MemoryStorage } from "./memory_storage.ts";

const NOW = 1_800_000_000_000;

function draft(part: Partial<Draft> = {}): Draft {
  return { id: "d1", room: "r", text: "hi", time: NOW, state: "sending", attempts: 0, tried: false, ...part };
}

describe("the storage of unsent messages", () => {
  it("returns only the drafts of its user, in the order written", () => {
    const storage = new MemoryStorage();
    const kept = new OutboxStorage(storage, "ada");
    kept.save([], [draft({ id: "b", time: NOW + 1 }), draft({ id: "a" })]);
    new OutboxStorage(storage, "bob").save([], [draft({ id: "c" })]);
    assert.deepEqual(
      kept.load(NOW).map(({ id }) => id),
      ["a", "b"],
    );
  });

  it("forgets drafts that were sent or removed", () => {
    const storage = new MemoryStorage();
    const kept = new OutboxStorage(storage, "ada");
    const before = [draft({ id: "a" }), draft({ id: "b" })];
    kept.save([], before);
    kept.save(before, reduceOutbox(before, { type: "acked", id: "a", seq: 1, time: 1 }));
    assert.deepEqual(
      kept.load(NOW).map(({ id }) => id),
      ["b"],
    );
    kept.save(before, []);
    assert.equal(storage.length, 0);
  });

  it("forgets a failed draft after a month, but not an unsent draft", () => {
    const storage = new MemoryStorage();
    const kept = new OutboxStorage(storage, "ada");
    const month = 30 * 24 * 3_600_000;
    kept.save([], [draft({ id: "failed", state: "failed" }), draft({ id: "waits" })]);
    assert.equal(kept.load(NOW + month - 1).length, 2);
    assert.deepEqual(
      kept.load(NOW + month).map(({ id }) => id),
      ["waits"],
    );
  });

  it("returns read marks by room, without damaged entries", () => {
    const storage = new MemoryStorage();
    const kept = new MarkStorage(storage, "ada");
    kept.save("public:lobby", { seq: 7, epoch: "e1" });
    storage.setItem("roomcast:read:ada:r2", '{"seq":"7"}');
    assert.deepEqual(kept.load(), [["public:lobby", { seq: 7, epoch: "e1" }]]);
    kept.delete("public:lobby");
    assert.deepEqual(kept.load(), []);
  });

  it("ignores damaged entries, and errors of the storage", () => {
    const storage = new MemoryStorage();
    storage.setItem("roomcast:outbox:ada:x", "{");
    storage.setItem("roomcast:outbox:ada:y", '{"id":1}');
    const kept = new OutboxStorage(storage, "ada");
    assert.deepEqual(kept.load(NOW), []);
    storage.setItem = () => {
      throw new Error("full");
    };
    assert.doesNotThrow(() => kept.save([], [draft()]));
  });
});
