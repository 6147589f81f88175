import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { gateway, online, useGateway } from "./harness.ts";
import { refusal, until } from "./server.ts";

useGateway();

const users = (event: string) => gateway.payloads(event).map((payload) => payload.users);

describe("watching people", () => {
  it("ends when the last of several watches is undone", async () => {
    const client = await online();
    const undos = [client.presence.watch(["bob", "cy"]), client.presence.watch(["bob"])];
    await until(() => client.presence.get("bob").status === "online", "known");
    undos[0]!();
    undos[0]!();
    await client.call("presence", {});
    assert.deepEqual(users("presence:unwatch"), [["cy"]]);
    undos[1]!();
    await client.call("presence", {});
    assert.deepEqual(users("presence:unwatch"), [["cy"], ["bob"]]);
  });

  it("goes on in the next session, with those who are still watched", async () => {
    const client = await online();
    const undo = client.presence.watch(["bob"]);
    client.presence.watch(["bob", "cy"]);
    undo();
    await until(() => users("presence:watch").length === 2, "watched");
    gateway.cut();
    await until(() => users("presence:watch").length === 3, "watched again");
    assert.deepEqual(users("presence:watch"), [["bob"], ["cy"], ["bob", "cy"]]);
  });

  it("is asked for again after a refusal that a retry can mend", async () => {
    const client = await online();
    let refusals = 0;
    gateway.onEvent = (event) => (event === "presence:watch" && ++refusals === 1 ? refusal("unavailable") : undefined);
    client.presence.watch(["bob"]);
    await until(() => client.presence.get("bob").status === "online", "known");
  });
});

describe("one's own status", () => {
  const last = () => gateway.payloads("presence").at(-1);

  for (const note of ["half \ud83d", "\udc00"]) {
    it("keeps a note out that no gateway can read", async () => {
      const client = await online();
      await client.presence.setStatus("away", "at lunch");
      await assert.rejects(client.presence.setStatus("busy", note), { reason: "bad_request" });
      assert.equal(client.presence.ownStatus, "away");
      gateway.cut();
      await until(() => gateway.tokens.length === 2 && client.state.phase === "online", "online again");
      await until(() => gateway.payloads("presence").length === 3, "told again");
      assert.deepEqual(last(), { status: "away", note: "at lunch" });
    });
  }

  it("does not repeat what the server has refused", async () => {
    const client = await online();
    gateway.onEvent = (event, { note }) => (event === "presence" && note ? refusal("too_large") : undefined);
    await assert.rejects(client.presence.setStatus("busy", "a novel"), { reason: "too_large" });
    gateway.cut();
    await until(() => gateway.payloads("presence").length === 3, "told again");
    assert.deepEqual(last(), {});
  });

  it("is kept when the server could not be asked", async () => {
    const client = await online();
    gateway.onEvent = (event) => (event === "presence" ? refusal("unavailable") : undefined);
    await assert.rejects(client.presence.setStatus("busy"), { reason: "unavailable" });
    gateway.onEvent = () => undefined;
    gateway.cut();
    await until(() => gateway.payloads("presence").length === 3, "told again");
    assert.deepEqual(last(), { status: "busy" });
  });
});
