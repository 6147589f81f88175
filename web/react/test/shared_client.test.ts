/** Tests of `SharedClient` without React, against a live Socket.IO server. */

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { SharedClient } from "../src/shared_client.ts";
import { FAST, gateway, LOBBY, useGateway as gatewayPerTest } from "../../sdk/test/harness.ts";
import { until } from "../../sdk/test/test_gateway.ts";

gatewayPerTest();

let ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends) end();
  ends = [];
});

function shared(token: () => string = () => "token"): SharedClient {
  return new SharedClient({ url: gateway.url, token, backoff: FAST, resend: FAST, storage: null, pageSize: 3 });
}

/** Open a shared client; close its connection at the end of the test. */
function opened(one: SharedClient): () => void {
  const undo = one.open();
  ends.push(() => one.client?.close());
  return undo;
}

const leaves = () => gateway.payloads("room:leave").map(({ room }) => room);

async function joined(one: SharedClient): Promise<() => void> {
  opened(one);
  const client = one.client!;
  const undo = one.enter(client, LOBBY);
  await until(() => client.room(LOBBY).state.phase === "joined", "joined");
  return undo;
}

test("a shared client connects only when it is opened", async () => {
  const unopened = shared();
  const other = shared();
  opened(other);
  await until(() => other.client?.state.phase === "online", "online");
  assert.equal(unopened.client, null);
  assert.equal(gateway.tokens.length, 1);
});

test("a shared client that is closed and opened again at once keeps its connection", async () => {
  const one = shared();
  opened(one)();
  const client = one.client;
  opened(one);
  await until(() => client?.state.phase === "online", "online");
  assert.equal(one.client, client);
  assert.equal(gateway.tokens.length, 1);
});

test("the connection closes after its last user, and a later user opens another connection", async () => {
  const one = shared();
  let changes = 0;
  one.subscribe(() => changes++);
  const [first, second] = [opened(one), opened(one)];
  const client = one.client;
  first();
  first();
  await until(() => client?.state.phase === "online", "online");
  second();
  await until(() => one.client === null, "closed");
  assert.equal(client?.state.phase, "closed");
  assert.equal(changes, 2);
  opened(one);
  assert.notEqual(one.client, client);
});

test("each connect calls the token function of the latest update", async () => {
  const one = shared(() => "old");
  opened(one);
  await until(() => one.client?.state.phase === "online", "online");
  one.update({ url: gateway.url, token: () => "new" });
  gateway.cut();
  await until(() => gateway.tokens.length === 2, "connected again");
  assert.deepEqual(gateway.tokens, ["old", "new"]);
});

test("a room stays joined until the last of its users leaves", async () => {
  const one = shared();
  const leaveFirst = await joined(one);
  const leaveSecond = one.enter(one.client!, LOBBY);
  leaveFirst();
  one.enter(one.client!, LOBBY)();
  one.enter(one.client!, "public:other")(); // the client leaves both rooms after the same delay
  await until(() => leaves().length > 0, "left the other room");
  assert.deepEqual(leaves(), ["public:other"]);
  leaveSecond();
  await until(() => leaves().length === 2, "left");
  assert.deepEqual(leaves(), ["public:other", LOBBY]);
  assert.equal(gateway.joins.length, 2);
});

test("a room is not left while a message is still being sent", async () => {
  const one = shared();
  const leave = await joined(one);
  let accept = () => {};
  gateway.onSend = ({ id, text }, ack) => {
    accept = () => {
      const { seq, time } = gateway.append({ id, user: "ada", name: "Ada", text });
      ack({ ok: true, seq, time, duplicate: false });
    };
    return true;
  };
  one.client!.room(LOBBY).send({ text: "last words" });
  leave();
  one.enter(one.client!, "public:other")(); // the client leaves both rooms after the same delay
  await until(() => leaves().length > 0, "left the other room");
  assert.deepEqual(leaves(), ["public:other"]);
  accept();
  await until(() => leaves().length === 2, "left");
  assert.deepEqual(leaves(), ["public:other", LOBBY]);
});
