/** Tests of `Session` without React, against a live Socket.IO server. */

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { Session } from "../src/session.ts";
import { FAST, gateway, LOBBY, useGateway as gatewayPerTest } from "../../sdk/test/harness.ts";
import { until } from "../../sdk/test/test_gateway.ts";

gatewayPerTest();

let ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends) end();
  ends = [];
});

function session(token: () => string = () => "token"): Session {
  return new Session({ url: gateway.url, token, backoff: FAST, resend: FAST, storage: null, pageSize: 3 });
}

/** Open a session; close its client at the end of the test. */
function opened(one: Session): () => void {
  const undo = one.open();
  ends.push(() => one.client?.close());
  return undo;
}

const leaves = () => gateway.payloads("room:leave").map(({ room }) => room);

async function joined(one: Session): Promise<() => void> {
  opened(one);
  const client = one.client!;
  const undo = one.enter(client, LOBBY);
  await until(() => client.room(LOBBY).state.phase === "joined", "joined");
  return undo;
}

test("a session connects only when it is opened", async () => {
  const unopened = session();
  const other = session();
  opened(other);
  await until(() => other.client?.state.phase === "online", "online");
  assert.equal(unopened.client, null);
  assert.equal(gateway.tokens.length, 1);
});

test("a session that is closed and opened again at once keeps its connection", async () => {
  const one = session();
  opened(one)();
  const client = one.client;
  opened(one);
  await until(() => client?.state.phase === "online", "online");
  assert.equal(one.client, client);
  assert.equal(gateway.tokens.length, 1);
});

test("the connection closes after its last user, and a later user opens another connection", async () => {
  const one = session();
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
  const one = session(() => "old");
  opened(one);
  await until(() => one.client?.state.phase === "online", "online");
  one.update({ url: gateway.url, token: () => "new" });
  gateway.cut();
  await until(() => gateway.tokens.length === 2, "connected again");
  assert.deepEqual(gateway.tokens, ["old", "new"]);
});

test("a room stays joined until the last of its users leaves", async () => {
  const one = session();
  const leaveFirst = await joined(one);
  const leaveSecond = one.enter(one.client!, LOBBY);
  leaveFirst();
  one.enter(one.client!, LOBBY)();
  one.enter(one.client!, "public:other")(); // left as late after its last user as the lobby would be
  await until(() => leaves().length > 0, "left the other room");
  assert.deepEqual(leaves(), ["public:other"]);
  leaveSecond();
  await until(() => leaves().length === 2, "left");
  assert.deepEqual(leaves(), ["public:other", LOBBY]);
  assert.equal(gateway.joins.length, 2);
});

test("a room is not left while a message is still being sent", async () => {
  const one = session();
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
  one.enter(one.client!, "public:other")(); // left as late after its last user as the lobby would be
  await until(() => leaves().length > 0, "left the other room");
  assert.deepEqual(leaves(), ["public:other"]);
  accept();
  await until(() => leaves().length === 2, "left");
  assert.deepEqual(leaves(), ["public:other", LOBBY]);
});
