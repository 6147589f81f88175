/** Tests of unsent messages over reloads of a page: no user sends a message that another user wrote. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Client, ConnectOptions } from "../src/client.ts";
import { FAST, gateway, joined, LOBBY, online, open, texts, tokenWith, useGateway } from "./harness.ts";
import { MemoryStorage } from "./memory_storage.ts";
import { until } from "./test_gateway.ts";

useGateway();

const ADA = tokenWith({ sub: "ada" });
const BOB = tokenWith({ sub: "bob" });
const IN_AN_HOUR = { baseMs: 3_600_000, maxMs: 3_600_000 };

/** Open a page whose connects fail. Return its client after the first attempt. */
async function offline(storage: MemoryStorage, token: string, more: Partial<ConnectOptions> = {}): Promise<Client> {
  const client = open({ url: "http://127.0.0.1:9", storage, token: () => token, backoff: IN_AN_HOUR, ...more });
  await until(() => client.state.phase === "waiting", "the first attempt has failed");
  return client;
}

/** Join the lobby with `options`, and wait until the gateway has handled all that the client sent before. */
async function settled(options: Partial<ConnectOptions>): Promise<Client> {
  const { client } = await joined({ backoff: FAST, ...options });
  await client.call("presence", {});
  return client;
}

describe("a message written before the first sign-in of a page load", () => {
  it("is sent after the next page load if the token named the user", async () => {
    const storage = new MemoryStorage();
    const before = await offline(storage, ADA);
    const id = before.room(LOBBY).send({ text: "patient" });
    before.close();
    const again = await offline(storage, ADA);
    again.close();
    await online({ storage, token: () => ADA });
    await until(() => gateway.log.length === 1 && storage.length === 0, "the message is sent");
    assert.deepEqual([gateway.log[0]?.id, gateway.log[0]?.text], [id, "patient"]);
  });

  it("is stored once the token arrives", async () => {
    const storage = new MemoryStorage();
    let give: (token: string) => void = () => {};
    const token = () => new Promise<string>((resolve) => (give = resolve));
    const client = open({ url: "http://127.0.0.1:9", storage, token, backoff: IN_AN_HOUR });
    client.room(LOBBY).send({ text: "early" });
    assert.equal(storage.length, 0);
    give(ADA);
    await until(() => storage.length === 1, "the message is stored");
  });

  it("is not stored for the user of a token that arrives after `close`", async () => {
    const storage = new MemoryStorage();
    let give: (token: string) => void = () => {};
    const token = () => new Promise<string>((resolve) => (give = resolve));
    const client = open({ storage, token });
    client.room(LOBBY).send({ text: "early" });
    client.close();
    give(BOB);
    await settled({ storage, token: () => BOB });
    assert.deepEqual([gateway.sends, storage.length], [[], 0]);
  });

  it("is stored at once if `roomCache` names the user", async () => {
    const storage = new MemoryStorage();
    const client = open({ storage, token: () => new Promise<string>(() => {}), roomCache: { user: "ada" } });
    client.room(LOBBY).send({ text: "no network" });
    client.close();
    await online({ storage });
    await until(() => gateway.log.length === 1, "the message is sent");
  });

  it("is sent after the messages that earlier page loads left", async () => {
    const storage = new MemoryStorage();
    const earlier = await offline(storage, ADA);
    earlier.room(LOBBY).send({ text: "first" });
    earlier.close();
    const later = open({ storage, token: () => ADA });
    later.room(LOBBY).send({ text: "second" });
    await until(() => gateway.log.length === 2, "both messages are sent");
    assert.deepEqual(
      gateway.log.map(({ text }) => text),
      ["first", "second"],
    );
  });

  for (const [what, options] of [
    ["the token of the first attempt", {}],
    ["`roomCache`", { roomCache: { user: "bob" } }],
  ] as [string, Partial<ConnectOptions>][]) {
    it(`is not sent if ${what} named another user than the sign-in`, async () => {
      const storage = new MemoryStorage();
      let attempts = 0;
      gateway.accepts = () => (attempts === 1 ? Object.assign(new Error("no"), { data: {} }) : null);
      const token = () => (++attempts === 1 && !options.roomCache ? BOB : ADA);
      const client = open({ storage, token, ...options });
      client.room(LOBBY).send({ text: "from bob" });
      client.room(LOBBY).join();
      await until(() => client.room(LOBBY).state.phase === "joined", "joined");
      await client.call("presence", {});
      assert.deepEqual([gateway.sends, texts(client.room(LOBBY))], [[], []]);
      client.close();
      gateway.user = "bob";
      await settled({ storage, token: () => BOB });
      await until(() => gateway.log.length === 1, "the message is sent when its author signs in");
    });
  }
});

describe("a client that signs in as another user after a reconnect", () => {
  it("does not send the unsent messages of the first user", async () => {
    const storage = new MemoryStorage();
    const { client, room } = await joined({ storage });
    gateway.onSend = () => true;
    room.send({ text: "from ada" });
    await until(() => gateway.sends.length === 1, "the message is sent, but not acked");
    gateway.onSend = () => false;
    gateway.user = "bob";
    gateway.cut();
    await until(() => client.self?.user === "bob" && gateway.joins.length === 2, "joined as bob");
    await client.call("presence", {});
    assert.deepEqual([gateway.sends.length, texts(room)], [1, []]);
    client.close();
    gateway.user = "ada";
    await online({ storage });
    await until(() => gateway.log.length === 1, "the message is sent when its author signs in");
  });
});
