import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FirstVisits } from "../src/first_visits.ts";

describe("first visits", () => {
  it("keep the seq of each user's first visit over a reload, and forget it if the room's seq is lower", () => {
    const kept = new Map<string, string>();
    const storage = {
      getItem: (key: string) => kept.get(key) ?? null,
      setItem: (key: string, value: string) => void kept.set(key, value),
    };
    const visits = new FirstVisits(storage, "ada");
    assert.deepEqual([visits.seqOf("public:empty", 0), visits.seqOf("public:old", 70)], [0, 70]);
    const later = new FirstVisits(storage, "ada");
    assert.deepEqual([later.seqOf("public:empty", 5), later.seqOf("public:old", 75)], [0, 70]);
    assert.equal(later.seqOf("public:old", 3), 0);
    assert.equal(new FirstVisits(storage, "bob").seqOf("public:empty", 5), 5);
  });

  it("keep the seq in memory if the storage throws", () => {
    const full = {
      getItem: () => null,
      setItem: () => {
        throw new Error("quota");
      },
    };
    const visits = new FirstVisits(full, "ada");
    assert.deepEqual([visits.seqOf("public:a", 7), visits.seqOf("public:a", 9)], [7, 7]);
  });
});
