import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Client } from "../src/client.ts";
import type { InboxRoom } from "../src/protocol/rooms.ts";
import { gateway, online, useGateway } from "./harness.ts";
import { refusal, until } from "./test_gateway.ts";

useGateway();

const line = (room: string, active: number, more: Partial<InboxRoom> = {}): InboxRoom => {
  return { room, name: room, seq: 1, epoch: "e", active, unread: 0, mentions: 0, read: 0, last: null, ...more };
};
const shown = (client: Client) => client.inbox.state.rooms.map(({ room }) => room);
const asked = () => gateway.payloads("inbox:list");
const tell = (event: object) => gateway.io.emit("inbox", event);

async function following(): Promise<Client> {
  const client = await online();
  client.inbox.follow();
  await until(() => client.inbox.state.phase === "live", "live");
  return client;
}

describe("the inbox", () => {
  it("is loaded in pages, and has the totals of all rooms", async () => {
    gateway.inbox = ["a", "b", "c", "d", "e"].map((room, at) => line(room, 9 - at, { unread: at, mentions: 1 }));
    const client = await following();
    assert.deepEqual(shown(client), ["a", "b", "c"]);
    const { unread, mentions, more } = client.inbox.state;
    assert.deepEqual([unread, mentions, more], [10, 5, true]);
    await Promise.all([client.inbox.loadMore(), client.inbox.loadMore()]);
    await client.inbox.loadMore();
    assert.deepEqual(shown(client), ["a", "b", "c", "d", "e"]);
    assert.deepEqual(asked(), [
      { limit: 3, live: true },
      { limit: 3, after: "3" },
    ]);
  });

  it("moves a room with a new message to the top, and drops a removed room", async () => {
    gateway.inbox = [line("a", 3), line("b", 2), line("c", 1)];
    const client = await following();
    const { rooms } = client.inbox.state;
    tell({ rooms: [line("c", 4, { unread: 1 }), { room: "b", removed: true }], unread: 1, mentions: 0 });
    await until(() => client.inbox.state.unread === 1, "received");
    assert.deepEqual(shown(client), ["c", "a"]);
    assert.equal(client.inbox.state.rooms[1], rooms[0]);
  });

  it("does not add a room that sorts below the loaded pages", async () => {
    gateway.inbox = [line("a", 9), line("b", 8), line("c", 7), line("d", 6)];
    const client = await following();
    tell({ rooms: [line("d", 6, { read: 1 }), line("new", 10)], unread: 0, mentions: 2 });
    await until(() => client.inbox.state.mentions === 2, "received");
    assert.deepEqual(shown(client), ["new", "a", "b", "c"]);
    await client.inbox.loadMore();
    assert.deepEqual(shown(client), ["new", "a", "b", "c", "d"]);
    assert.equal(client.inbox.state.mentions, 2);
  });

  it("keeps the newer line if a page and an event have the same room", async () => {
    gateway.inbox = [line("a", 3, { seq: 5 }), line("b", 2, { seq: 5 })];
    const client = await online();
    gateway.onEvent = (event) => {
      if (event !== "inbox:list") return undefined;
      tell({ rooms: [line("a", 4, { seq: 6 }), line("b", 1, { seq: 4 })], unread: 0, mentions: 0 });
      return undefined;
    };
    client.inbox.follow();
    await until(() => client.inbox.state.phase === "live", "live");
    assert.deepEqual(
      client.inbox.state.rooms.map(({ seq }) => seq),
      [6, 5],
    );
  });

  it("loads as many rooms as before after a reconnect, and loads the list again after a reset", async () => {
    gateway.inbox = ["a", "b", "c", "d"].map((room, at) => line(room, 9 - at));
    const client = await following();
    await client.inbox.loadMore();
    gateway.inbox = [line("e", 20), ...gateway.inbox];
    gateway.cut();
    await until(() => shown(client)[0] === "e", "loaded again");
    assert.deepEqual(shown(client), ["e", "a", "b", "c", "d"]);
    gateway.inbox = [line("f", 30)];
    tell({ reset: true });
    await until(() => shown(client).length === 1, "loaded once more");
    assert.deepEqual(shown(client), ["f"]);
  });

  it("tries again after a retryable error, and fails with any other error", async () => {
    let tries = 0;
    gateway.inbox = [line("a", 1)];
    gateway.onEvent = (event) => (event === "inbox:list" && ++tries === 1 ? refusal("unavailable") : undefined);
    const client = await following();
    gateway.onEvent = (event) => (event === "inbox:list" ? refusal("unknown_event") : undefined);
    gateway.cut();
    await until(() => client.inbox.state.phase === "failed", "failed");
    assert.equal(client.inbox.state.error?.reason, "unknown_event");
    assert.deepEqual(shown(client), ["a"]);
  });

  it("is requested once for two followers, and not sent any more after the last follower has ended", async () => {
    const client = await following();
    const undo = client.inbox.follow();
    await client.call("presence", {}); // the server has handled all earlier requests by then
    assert.equal(asked().length, 1);
    undo();
    undo();
    const second = await online();
    const undoSecond = second.inbox.follow();
    await until(() => second.inbox.state.phase === "live", "live");
    undoSecond();
    await until(() => asked().length === 3, "ended");
    assert.deepEqual(asked()[2], { limit: 1, live: false });
    assert.equal(second.inbox.state.phase, "idle");
  });
});

describe("mentions", () => {
  it("are sent with a message", async () => {
    const client = await online();
    const room = client.room("public:lobby");
    room.join();
    room.send({ text: "look", mentions: ["bob"] });
    await until(() => gateway.sends.length === 1, "sent");
    assert.deepEqual(gateway.sends[0]!.mentions, ["bob"]);
  });
});
