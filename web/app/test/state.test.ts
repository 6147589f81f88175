import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RoomcastError, type ConnectionState, type Message, type Room, type RoomState } from "@roomcast/sdk";
import { MOVE_MS, noticeOf } from "../src/connection_notice.ts";
import { FirstVisits } from "../src/first_visits.ts";
import { HiddenRooms } from "../src/hidden_rooms.ts";
import { loadUntil } from "../src/history.ts";
import { LiveRooms } from "../src/live_rooms.ts";

const NOW = 1_700_000_000_000;
const GONE: ConnectionState = {
  phase: "waiting",
  attempt: 1,
  retryAtMs: NOW + 500,
  wasOnline: true,
  draining: false,
  error: RoomcastError.of("unavailable", "transport close"),
  ready: null,
};
const LASTING = { renewable: true, expiresAtMs: NOW + 3_600_000 };
const TOKEN = { renewable: false, expiresAtMs: NOW + 3_600_000 };

describe("the notice about the connection", () => {
  it("mentions a broken connection at once", () => {
    assert.equal(noticeOf(GONE, LASTING, 0, NOW), "lost");
    assert.equal(noticeOf({ ...GONE, phase: "online" }, LASTING, 0, NOW), "none");
  });

  it("does not mention a drain's move unless the move takes long", () => {
    const moved = { ...GONE, draining: true };
    assert.equal(noticeOf(moved, LASTING, 0, NOW), "none");
    assert.equal(noticeOf({ ...moved, phase: "connecting" }, LASTING, MOVE_MS - 1, NOW), "none");
    assert.equal(noticeOf(moved, LASTING, MOVE_MS, NOW), "moving");
  });

  it("asks for a new sign-in as soon as a token that cannot be renewed has expired", () => {
    assert.equal(noticeOf(GONE, TOKEN, 0, TOKEN.expiresAtMs - 1), "lost");
    assert.equal(noticeOf(GONE, TOKEN, 0, TOKEN.expiresAtMs), "signed-out");
    assert.equal(noticeOf({ ...GONE, draining: true }, TOKEN, 0, TOKEN.expiresAtMs), "signed-out");
    assert.equal(noticeOf(GONE, { ...LASTING, expiresAtMs: NOW }, 0, NOW + 1), "lost");
  });

  it("asks for a new sign-in at the first refusal of a token that cannot be renewed", () => {
    for (const reason of ["unauthorized", "revoked"] as const) {
      const refused = { ...GONE, error: RoomcastError.of(reason) };
      assert.equal(noticeOf(refused, { ...TOKEN, expiresAtMs: null }, 0, NOW), "signed-out");
      assert.equal(noticeOf(refused, LASTING, 0, NOW), "lost");
    }
    assert.equal(noticeOf({ ...GONE, phase: "refused" }, LASTING, 0, NOW), "signed-out");
  });
});

describe("live rooms", () => {
  it("are bounded: opening a room leaves the one used longest ago", () => {
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

describe("rooms that were left", () => {
  it("stay hidden if public, and come back with a new entry otherwise, also after a reload", () => {
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

describe("first visits", () => {
  it("are remembered, so that new messages of a once empty room count as unread after a reload", () => {
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

  it("work if the storage refuses to write", () => {
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

/** Return a room whose log has `count` entries from `first` on; the last `shown` are loaded. A page has 10 entries. */
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

  it("stops at the end of the log, and when it is no longer wanted", async () => {
    const trimmed = new PagedRoom(50, 100, 10);
    assert.equal(await loadUntil(trimmed.room, 42, () => true), false);
    const paged = new PagedRoom(1, 100, 10);
    assert.equal(await loadUntil(paged.room, 42, () => paged.pages < 2), false);
    assert.equal(paged.pages, 2);
  });
});
