import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Pager } from "../src/pager.ts";

async function* numbers(count: number): AsyncGenerator<number, void, undefined> {
  for (let number = 0; number < count; number++) yield number;
}

describe("a pager", () => {
  it("returns a list page by page, each with whether more items follow", async () => {
    const pager = new Pager(numbers(5), 2);
    assert.deepEqual(await pager.next(), { items: [0, 1], hasMore: true });
    assert.deepEqual(await pager.next(), { items: [2, 3], hasMore: true });
    assert.deepEqual(await pager.next(), { items: [4], hasMore: false });
    assert.deepEqual(await pager.next(), { items: [], hasMore: false });
    assert.deepEqual(await new Pager(numbers(2), 2).next(), { items: [0, 1], hasMore: false });
  });
});
