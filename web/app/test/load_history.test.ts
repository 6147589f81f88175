import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Message, Room, RoomState } from "@roomcast/sdk";
import { loadUntil } from "../src/load_history.ts";

/** A room whose log has the entries `first` to `last`. The last `shown` are loaded; a page has 10 entries. */
class PagedRoom {
  pages = 0;
  state: Pick<RoomState, "messages" | "hasOlder" | "loadingOlder">;
  readonly #first: number;

  constructor(first: number, last: number, shown: number) {
    this.#first = first;
    this.state = { messages: entries(last - shown + 1, last), hasOlder: true, loadingOlder: false };
  }

  async loadOlder(): Promise<void> {
    this.pages += 1;
    const end = this.state.messages[0]!.seq!;
    const start = Math.max(this.#first, end - 10);
    const messages = [...entries(start, end - 1), ...this.state.messages];
    this.state = { messages, hasOlder: start > this.#first, loadingOlder: false };
  }

  get room(): Room {
    return this as unknown as Room;
  }
}

function entries(first: number, last: number): RoomState["messages"] {
  const one = (seq: number) => ({ seq }) as unknown as Message;
  return Array.from({ length: last - first + 1 }, (_, at) => one(first + at)) as unknown as RoomState["messages"];
}

describe("loading history up to a message", () => {
  it("loads as many pages as needed, and none for a loaded message", async () => {
    const paged = new PagedRoom(1, 100, 10);
    assert.equal(await loadUntil(paged.room, 95, () => true), true);
    assert.equal(paged.pages, 0);
    assert.equal(await loadUntil(paged.room, 42, () => true), true);
    assert.equal(paged.pages, 5);
  });

  it("stops at the end of the log, and when `wanted` returns false", async () => {
    const trimmed = new PagedRoom(50, 100, 10);
    assert.equal(await loadUntil(trimmed.room, 42, () => true), false);
    const paged = new PagedRoom(1, 100, 10);
    assert.equal(await loadUntil(paged.room, 42, () => paged.pages < 2), false);
    assert.equal(paged.pages, 2);
  });
});
