import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { gateway, joined, LOBBY, online, useGateway } from "./harness.ts";
import { MemoryStorage } from "./memory_storage.ts";
import { refusal, until } from "./test_gateway.ts";

useGateway();

const marks = () => gateway.payloads("receipt:read").map(({ seq }) => seq);

describe("a read mark", () => {
  it("is shown at once, and the highest of three marks is sent once", async () => {
    const { client, room } = await joined();
    room.markRead(1);
    room.markRead(3);
    room.markRead(2);
    assert.equal(room.state.read.ada, 3);
    await until(() => marks().length === 1, "sent");
    gateway.cut();
    await until(() => gateway.tokens.length === 2 && client.state.phase === "online", "online again");
    await client.call("presence", {});
    assert.deepEqual(marks(), [3]);
  });

  it("is sent again after a failure", async () => {
    const { room } = await joined();
    let refusals = 0;
    gateway.onEvent = (event) => (event === "receipt:read" && ++refusals <= 2 ? refusal("unavailable") : undefined);
    room.markRead(3);
    await until(() => marks().length === 3, "sent again", 10_000);
    assert.deepEqual(marks(), [3, 3, 3]);
  });

  it("is sent again in the next session if the connection ended before its ack", async () => {
    const { room } = await joined();
    gateway.onEvent = (event) => {
      if (event !== "receipt:read" || gateway.tokens.length > 1) return undefined;
      gateway.cut();
      return null;
    };
    room.markRead(3);
    await until(() => marks().length === 2, "sent again");
  });

  it("is not sent again after a final refusal", async () => {
    const storage = new MemoryStorage();
    const { client, room } = await joined({ storage });
    gateway.onEvent = (event) => (event === "receipt:read" ? refusal("forbidden") : undefined);
    room.markRead(3);
    await until(() => marks().length === 1 && storage.length === 0, "the mark is sent and deleted");
    gateway.cut();
    await until(() => gateway.tokens.length === 2 && client.state.phase === "online", "online again");
    await client.call("presence", {});
    assert.equal(marks().length, 1);
  });

  it("is sent for a room that is not joined", async () => {
    const client = await online();
    client.room(LOBBY).markRead(3);
    await until(() => marks().length === 1, "sent");
    assert.equal(gateway.joins.length, 0);
  });

  it("that is pending at close is sent before the connection ends", async () => {
    const { client, room } = await joined();
    room.markRead(3);
    client.close();
    await until(() => marks().length === 1, "sent");
    assert.deepEqual(marks(), [3]);
  });

  it("that could not be sent is sent by the next client with the same storage", async () => {
    const storage = new MemoryStorage();
    const { client, room } = await joined({ storage });
    gateway.cut();
    await until(() => client.state.phase !== "online", "offline");
    room.markRead(3);
    client.close();
    await online({ storage });
    await until(() => marks().length === 1 && storage.length === 0, "sent");
    assert.deepEqual(gateway.payloads("receipt:read"), [{ room: LOBBY, seq: 3 }]);
  });

  it("is not sent after a sign-in as another user", async () => {
    const { client, room } = await joined();
    gateway.onEvent = (event) => (event === "receipt:read" ? refusal("unavailable") : undefined);
    room.markRead(3);
    await until(() => marks().length === 1, "sent and refused");
    gateway.onEvent = () => undefined;
    gateway.user = "bob";
    gateway.cut();
    await until(() => client.self?.user === "bob" && client.state.phase === "online", "signed in as bob");
    room.markRead(4);
    await until(() => marks().includes(4), "the mark of bob is sent");
    assert.deepEqual(marks(), [3, 4]);
  });

  it("of an earlier epoch is dropped and not sent", async () => {
    const storage = new MemoryStorage();
    storage.setItem(`roomcast:read:ada:${LOBBY}`, JSON.stringify({ seq: 900, epoch: "epoch-zero-00000" }));
    const client = await online({ storage });
    await until(() => storage.length === 0, "dropped");
    await client.call("presence", {}); // the server has handled all earlier events by then
    assert.deepEqual(marks(), []);
  });

  for (const user of ["constructor", "__proto__"]) {
    it(`of a user whose id is ${user} is shown, and no mark before it`, async () => {
      gateway.user = user;
      const { client, room } = await joined();
      assert.equal(room.state.read[user], undefined);
      room.markRead(2);
      assert.equal(room.state.read[user], 2);
      gateway.io.emit("receipt", { room: LOBBY, user, seq: 3 });
      await until(() => room.state.read[user] === 3, "the mark of another client of the user");
      gateway.read = JSON.parse(`{"${user}": 4, "bob": 1}`);
      gateway.cut();
      await until(() => room.state.read[user] === 4, "the mark in the answer to the join");
      assert.equal(room.state.read.bob, 1);
      assert.equal((await client.profiles([user]))[user], undefined);
    });
  }
});
