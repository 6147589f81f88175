import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { RoomPhase } from "../src/room_state.ts";
import { gateway, LOBBY, online, useGateway } from "./harness.ts";
import { refusal, until } from "./test_gateway.ts";

useGateway();

async function watched() {
  const client = await online();
  const room = client.room(LOBBY);
  const phases: RoomPhase[] = [];
  room.subscribe(({ phase }) => phases.at(-1) !== phase && phases.push(phase));
  /** Wait until the server has handled all earlier requests. */
  const settled = () => client.call("presence", {});
  return { client, room, phases, settled };
}

describe("joining and leaving", () => {
  it("sends no leave if join, leave and join are called at once", async () => {
    const { room, phases, settled } = await watched();
    room.join();
    void room.leave();
    room.join();
    await until(() => room.state.phase === "joined", "joined");
    await settled();
    assert.equal(room.state.phase, "joined");
    assert.ok(!phases.includes("refused"), phases.join());
    assert.deepEqual(gateway.payloads("room:leave"), []);
  });

  it("sends the leave if join and leave are called at once, and shows no later message", async () => {
    const { room, phases, settled } = await watched();
    room.join();
    await room.leave();
    await settled();
    assert.deepEqual([phases, gateway.payloads("room:leave").length], [["joining", "idle"], 1]);
    gateway.say();
    await settled();
    assert.equal(room.state.messages.length, 0);
  });

  it("does not show the refusal of a join that was followed by a leave", async () => {
    const { room, phases } = await watched();
    gateway.onEvent = (event) => (event === "room:join" ? refusal("forbidden") : undefined);
    room.join();
    await room.leave();
    assert.deepEqual(phases, ["joining", "idle"]);
  });

  it("joins again after a conflict", async () => {
    const { room, phases } = await watched();
    let joins = 0;
    gateway.onEvent = (event) => (event === "room:join" && ++joins === 1 ? refusal("conflict") : undefined);
    room.join();
    await until(() => room.state.phase === "joined", "joined");
    assert.deepEqual(phases, ["joining", "joined"]);
  });

  it("shows a refusal, and tries again at the next call of `join`", async () => {
    const { room } = await watched();
    gateway.onEvent = (event) => (event === "room:join" ? refusal("forbidden") : undefined);
    room.join();
    await until(() => room.state.phase === "refused", "refused");
    gateway.onEvent = () => undefined;
    room.join();
    await until(() => room.state.phase === "joined", "joined");
    assert.equal(room.state.error, null);
  });

  for (const change of ["invited", "unbanned"])
    it(`joins again at the change "${change}" after the server has refused the join`, async () => {
      const { room } = await watched();
      gateway.onEvent = (event) => (event === "room:join" ? refusal("forbidden") : undefined);
      room.join();
      await until(() => room.state.phase === "refused", "refused");
      gateway.onEvent = () => undefined;
      gateway.io.emit("room", { room: LOBBY, change });
      await until(() => room.state.phase === "joined", "joined");
    });

  it("does not join at an invitation if no join is wanted", async () => {
    const { client, room, settled } = await watched();
    gateway.io.emit("room", { room: LOBBY, change: "invited" });
    await settled();
    room.join();
    await until(() => room.state.phase === "joined", "joined");
    await room.leave();
    gateway.io.emit("room", { room: LOBBY, change: "invited" });
    await settled();
    assert.deepEqual([room.state.phase, gateway.payloads("room:join").length], ["idle", 1]);
    assert.equal(client.room("public:other").state.phase, "idle");
  });

  it("shows a new name of the user and of another member", async () => {
    const { client, room } = await watched();
    const member = (user: string) => ({ user, name: user, status: "online" });
    room.join();
    await until(() => room.state.phase === "joined", "joined");
    gateway.io.emit("room", { room: LOBBY, change: "people", occupancy: 2, entered: [member("ada"), member("bob")] });
    gateway.io.emit("profile", { user: "bob", name: "Bob B." });
    gateway.io.emit("profile", { user: "ada", name: "Ada L." });
    await until(() => client.self?.name === "Ada L.", "the new name");
    assert.equal(client.state.ready?.name, "Ada L.");
    const names = Object.fromEntries(room.state.members.map(({ user, name }) => [user, name]));
    assert.deepEqual([names.ada, names.bob], ["Ada L.", "Bob B."]);
  });
});
