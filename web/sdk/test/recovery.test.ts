import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Room } from "../src/room.ts";
import { gateway, joined, LOBBY, texts, useGateway } from "./harness.ts";
import { until } from "./test_gateway.ts";

useGateway();

/** Check in every state of the room that the seqs of its messages are contiguous. */
function assertAlwaysWhole(room: Room): void {
  room.subscribe(({ messages }) => {
    const seqs = messages.map(({ seq }) => seq ?? 0);
    const first = seqs[0] ?? 1;
    assert.deepEqual(
      seqs,
      seqs.map((_, index) => first + index),
    );
  });
}

for (const knowsReplay of [false, true]) {
  describe(knowsReplay ? "recovery by replay" : "recovery in pages", () => {
    it("shows no gap and no duplicate over 20 reconnects, each with more than a page of missed messages", async () => {
      gateway.knowsReplay = knowsReplay;
      gateway.pageSize = 10;
      gateway.append({});
      const { client, room } = await joined();
      assertAlwaysWhole(room);
      for (let round = 0; round < 20; round++) {
        for (let count = 0; count < 15; count++) gateway.say();
        gateway.cut();
        for (let count = 0; count < 35; count++) gateway.say();
        // Some cuts happen while the client is still reading missed messages.
        if (round % 3 === 0) await until(() => room.state.seq === gateway.log.length, "all messages are shown");
        else await until(() => client.state.phase === "online", "online");
      }
      await until(() => room.state.seq === 1001, "all messages are shown");
      assert.deepEqual(
        texts(room),
        gateway.log.map(({ text }) => text),
      );
      assert.equal(room.state.cut, false);
    });

    it("reads a thousand missed messages", async () => {
      gateway.knowsReplay = knowsReplay;
      gateway.pageSize = 100;
      gateway.append({});
      const { client, room } = await joined();
      assertAlwaysWhole(room);
      gateway.cut();
      await until(() => client.state.phase !== "online", "offline");
      for (let count = 0; count < 1000; count++) gateway.append({});
      await until(() => room.state.seq === 1001, "all messages are shown");
      gateway.say();
      await until(() => room.state.seq === 1002, "the live message is shown");
      assert.equal(room.state.messages.length, 1002);
      assert.equal(gateway.joins.length, knowsReplay ? 2 : 11);
    });

    it("sets `cut` and shows the latest page if the log has a new epoch", async () => {
      gateway.knowsReplay = knowsReplay;
      gateway.append({});
      const { client, room } = await joined();
      gateway.cut();
      await until(() => client.state.phase !== "online", "offline");
      gateway.epoch = "epoch-two-000000";
      gateway.log = [];
      for (let count = 0; count < 7; count++) gateway.append({});
      await until(() => room.state.seq === 7 && room.state.messages.length === 3, "latest page");
      assert.deepEqual([room.state.cut, room.state.hasOlder], [true, true]);
      gateway.say();
      await until(() => room.state.seq === 8, "the live message is shown");
      await room.loadOlder();
      await room.loadOlder();
      assert.deepEqual([room.state.messages.length, room.state.hasOlder], [8, false]);
    });
  });
}

describe("recovery", () => {
  it("joins again to read a live message that was lost", async () => {
    gateway.knowsReplay = true;
    const { room } = await joined();
    gateway.say();
    await until(() => room.state.seq === 1, "the first message is shown");
    assertAlwaysWhole(room);
    gateway.append({});
    gateway.say();
    await until(() => room.state.seq === 3, "all messages are shown");
    assert.equal(gateway.joins.length, 2);
  });

  it("requests a page in the first join, and a replay in the next join", async () => {
    gateway.knowsReplay = true;
    for (let count = 0; count < 5; count++) gateway.append({});
    const { room } = await joined();
    assert.deepEqual([room.state.messages.length, room.state.hasOlder], [3, true]);
    gateway.io.emit("resync", { room: LOBBY });
    await until(() => gateway.joins.length === 2, "joined again");
    assert.deepEqual(
      gateway.joins.map(({ since, replay }) => [since?.seq, replay]),
      [
        [undefined, undefined],
        [5, true],
      ],
    );
  });
});
