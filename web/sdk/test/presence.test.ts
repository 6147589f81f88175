import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Client } from "../src/client.ts";
import { presenceChanged, presenceOfMembers } from "../src/presence.ts";
import { gateway, online, useGateway } from "./harness.ts";
import { refusal, until } from "./test_gateway.ts";

useGateway();

const users = (event: string) => gateway.payloads(event).map((payload) => payload.users);

describe("watching people", () => {
  it("ends on the server when the last watch of a user is undone", async () => {
    const client = await online();
    const undos = [client.presence.watch(["bob", "cy"]), client.presence.watch(["bob"])];
    await until(() => client.presence.get("bob").status === "online", "the status is known");
    undos[0]!();
    undos[0]!();
    await client.call("presence", {});
    assert.deepEqual(users("presence:unwatch"), [["cy"]]);
    undos[1]!();
    await client.call("presence", {});
    assert.deepEqual(users("presence:unwatch"), [["cy"], ["bob"]]);
  });

  it("continues in the next session for the users who are still watched", async () => {
    const client = await online();
    const undo = client.presence.watch(["bob"]);
    client.presence.watch(["bob", "cy"]);
    undo();
    await until(() => users("presence:watch").length === 2, "watched");
    gateway.cut();
    await until(() => users("presence:watch").length === 3, "watched again");
    assert.deepEqual(users("presence:watch"), [["bob"], ["cy"], ["bob", "cy"]]);
  });

  it("is requested again after a retryable refusal", async () => {
    const client = await online();
    let refusals = 0;
    gateway.onEvent = (event) => (event === "presence:watch" && ++refusals === 1 ? refusal("unavailable") : undefined);
    client.presence.watch(["bob"]);
    await until(() => client.presence.get("bob").status === "online", "the status is known");
  });
});

describe("the own status", () => {
  const sent = () => gateway.payloads("presence");

  async function reconnected(client: Client): Promise<void> {
    const count = gateway.tokens.length;
    gateway.cut();
    await until(() => gateway.tokens.length === count + 1 && client.state.phase === "online", "online again");
    await client.call("presence:query", { users: [] });
  }

  it("is sent with the next connect", async () => {
    const client = await online();
    await client.presence.setStatus("invisible", "working");
    await reconnected(client);
    assert.deepEqual(gateway.auths, [{}, { status: "invisible", note: "working" }]);
  });

  it("is sent once, and not with every heartbeat", async () => {
    const client = await online();
    await client.presence.setStatus("busy");
    await reconnected(client);
    assert.deepEqual(sent(), [{}, { status: "busy" }, {}]);
  });

  it("is the status that the server remembers, until the user chooses one here", async () => {
    gateway.onEvent = (event) => (event === "presence" ? { ok: true, online_seconds: 60, status: "busy" } : undefined);
    const client = await online();
    await until(() => client.presence.ownStatus === "busy", "the status from the server is known");
    await client.presence.setStatus("online");
    assert.equal(client.presence.ownStatus, "online");
  });

  it("keeps its note when only the status changes", async () => {
    const client = await online();
    await client.presence.setStatus("away", "at lunch");
    await client.presence.setStatus("online");
    assert.deepEqual(sent().at(-1), { status: "online", note: "at lunch" });
  });

  for (const note of ["half \ud83d", "\udc00"]) {
    it("refuses a note that is not valid Unicode", async () => {
      const client = await online();
      await client.presence.setStatus("away", "at lunch");
      await assert.rejects(client.presence.setStatus("busy", note), { reason: "bad_request" });
      assert.equal(client.presence.ownStatus, "away");
      await reconnected(client);
      assert.deepEqual(gateway.auths, [{}, { status: "away", note: "at lunch" }]);
    });
  }

  it("is not changed to an unknown value", async () => {
    const client = await online();
    await assert.rejects(client.presence.setStatus("asleep" as "away"), { reason: "bad_request" });
    assert.equal(client.presence.ownStatus, "online");
  });

  it("is not sent again after a final refusal", async () => {
    const client = await online();
    gateway.onEvent = (event, { note }) => (event === "presence" && note ? refusal("too_large") : undefined);
    await assert.rejects(client.presence.setStatus("busy", "a novel"), { reason: "too_large" });
    await reconnected(client);
    assert.deepEqual([gateway.auths.at(-1), sent().at(-1)], [{}, {}]);
  });

  it("is sent again in the next session after a failed request", async () => {
    const client = await online();
    gateway.onEvent = (event) => (event === "presence" ? refusal("unavailable") : undefined);
    await assert.rejects(client.presence.setStatus("invisible", "unproven"), { reason: "unavailable" });
    gateway.onEvent = () => undefined;
    await reconnected(client);
    assert.deepEqual(gateway.auths.at(-1), { status: "invisible" });
    assert.deepEqual(sent().at(-1), { status: "invisible", note: "unproven" });
  });
});

describe("devices", () => {
  it("are requested for a watch with `devices`, and again in the next session", async () => {
    const client = await online();
    client.presence.watch(["bob", "cy"]);
    client.presence.watch(["bob"], { devices: true });
    client.presence.watch(["bob"], { devices: true });
    await until(() => users("presence:watch").length === 2, "watched");
    gateway.cut();
    await until(() => users("presence:watch").length === 4, "watched again");
    assert.deepEqual(gateway.payloads("presence:watch"), [
      { users: ["bob", "cy"] },
      { users: ["bob"], devices: true },
      { users: ["cy"] },
      { users: ["bob"], devices: true },
    ]);
  });

  it("are requested anew by a watch after the last watch was undone", async () => {
    const client = await online();
    const undos = [client.presence.watch(["bob"], { devices: true }), client.presence.watch(["bob"])];
    undos[0]!();
    await client.call("presence", {});
    assert.deepEqual(users("presence:unwatch"), []);
    undos[1]!();
    await client.call("presence", {});
    assert.deepEqual(users("presence:unwatch"), [["bob"]]);
    client.presence.watch(["bob"], { devices: true });
    await client.call("presence", {});
    assert.deepEqual(gateway.payloads("presence:watch").at(-1), { users: ["bob"], devices: true });
  });

  it("are kept when a change from a room does not list them", () => {
    const devices = [{ status: "online", kind: "web" }] as const;
    const known = presenceChanged(new Map(), [{ user: "bob", status: "online", note: "hi", devices }]);
    const changed = presenceChanged(known, [{ user: "bob", status: "busy" }]);
    assert.deepEqual(changed.get("bob"), { status: "busy", devices });
    const gone = presenceChanged(changed, [{ user: "bob", status: "offline" }]);
    assert.deepEqual(gone.get("bob"), { status: "offline", devices: [] });
  });

  it("have the kind that the application sets", async () => {
    const client = await online({ deviceKind: "mobile" });
    await client.presence.setStatus("busy");
    gateway.cut();
    await until(() => gateway.auths.length === 2, "online again");
    assert.deepEqual(gateway.auths, [{ kind: "mobile" }, { kind: "mobile", status: "busy" }]);
  });
});

describe("a note with an end", () => {
  it("is sent with its end, and no longer after the end", async () => {
    const client = await online();
    const end = client.state.ready!.server_time + 700;
    let changes = 0;
    client.presence.subscribe(() => changes++);
    await client.presence.setStatus("busy", "at lunch", end);
    assert.deepEqual([client.presence.ownNote, client.presence.ownUntil], ["at lunch", end]);
    assert.deepEqual(gateway.payloads("presence").at(-1), { status: "busy", note: "at lunch", until: end });
    const before = changes;
    await until(() => client.presence.ownNote === "" && changes > before, "the note has ended");
    assert.equal(client.presence.ownUntil, undefined);
    gateway.cut();
    await until(() => gateway.auths.length === 2, "online again");
    assert.deepEqual(gateway.auths.at(-1), { status: "busy" });
    await until(() => client.state.phase === "online", "online");
    await client.presence.setStatus("online");
    assert.deepEqual(gateway.payloads("presence").at(-1), { status: "online" });
  });

  it("is refused with an end in seconds", async () => {
    const client = await online();
    const end = Math.round(client.state.ready!.server_time / 1000) + 3600;
    await assert.rejects(client.presence.setStatus("busy", "at lunch", end), {
      reason: "bad_request",
      message: "bad_request: `until` lies in the past; it is in milliseconds since 1970",
    });
    assert.deepEqual([client.presence.ownStatus, client.presence.ownNote], ["online", ""]);
  });

  it("keeps its end when only the status changes; a new note has no end", async () => {
    const client = await online();
    const end = client.state.ready!.server_time + 60_000;
    await client.presence.setStatus("busy", "at lunch", end);
    await client.presence.setStatus("away");
    assert.deepEqual(gateway.payloads("presence").at(-1), { status: "away", note: "at lunch", until: end });
    await client.presence.setStatus("away", "back soon");
    assert.deepEqual(gateway.payloads("presence").at(-1), { status: "away", note: "back soon" });
    assert.equal(client.presence.ownUntil, undefined);
  });

  it("is the note that the server remembers, with its end", async () => {
    const end = Date.now() + 3_600_000;
    gateway.onEvent = (event) =>
      event === "presence" ? { ok: true, online_seconds: 60, status: "busy", note: "hi", until: end } : undefined;
    const client = await online();
    await until(() => client.presence.ownNote === "hi", "the status from the server is known");
    assert.equal(client.presence.ownUntil, end);
  });
});

describe("the presence of members", () => {
  it("keeps `last_seen` and `note`, which a list of members does not contain", () => {
    const changed = presenceChanged(new Map(), [{ user: "ada", status: "offline", last_seen: 5, note: "out" }]);
    const member = { user: "ada", name: "Ada", status: "online" as const };
    assert.deepEqual(presenceOfMembers(changed, [member]).get("ada"), { status: "online", last_seen: 5, note: "out" });
  });
});
