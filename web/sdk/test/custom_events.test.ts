import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Client } from "../src/client.ts";
import { RoomcastError } from "../src/errors.ts";
import type { CustomEvent } from "../src/protocol/app_types.ts";
import { gateway, joined, LOBBY, open, useGateway } from "./harness.ts";
import { until } from "./test_gateway.ts";

useGateway();

interface Poll {
  question: string;
}

interface App {
  messageData: Poll;
  events: { "cursor:moved": { x: number; y: number }; "ticket:state": { id: number } };
}

/** Check the types of an application at compile time. The function is never called. */
export function typed(client: Client<App>): void {
  const room = client.room(LOBBY);
  room.send({ text: "poll", data: { question: "?" } });
  // @ts-expect-error no such field
  room.send({ data: { answer: "!" } });
  const question: string | undefined = room.state.messages[0]?.data?.question;
  room.emit("cursor:moved", { x: 1, y: 2 });
  // @ts-expect-error no such event
  room.emit("cursor", { x: 1, y: 2 });
  // @ts-expect-error data of another event
  room.emit("ticket:state", { x: 1, y: 2 });
  room.on("cursor:moved", ({ data }) => data.x + data.y);
  // @ts-expect-error data has no such field
  client.onEvent("ticket:state", ({ data }) => data.x);
  const any: Client = client;
  any.room(LOBBY).emit("anything", { question });
}

describe("custom events", () => {
  it("are sent only while the room is joined", async () => {
    const client = open();
    const room = client.room(LOBBY);
    assert.equal(room.emit("cursor:moved", { x: 1 }), false);
    room.join();
    await until(() => room.state.phase === "joined", "joined");
    assert.equal(room.emit("cursor:moved", { x: 2 }), true);
    assert.equal(room.emit("cursor:moved", { x: 3 }, { asInvisible: true }), true);
    await until(() => gateway.payloads("room:emit").length === 2, "sent");
    assert.deepEqual(gateway.payloads("room:emit"), [
      { room: LOBBY, event: "cursor:moved", data: { x: 2 } },
      { room: LOBBY, event: "cursor:moved", data: { x: 3 }, as_invisible: true },
    ]);
  });

  it("with an invalid name or invalid data are refused at once", async () => {
    const { room } = await joined();
    const cases: [string, object, string][] = [
      ["", {}, "bad_request"],
      ["two words", {}, "bad_request"],
      ["x".repeat(65), {}, "bad_request"],
      ["name", [], "bad_request"],
      ["name", { a: "x".repeat(4_096) }, "too_large"],
    ];
    for (const [name, data, reason] of cases) {
      assert.throws(
        () => room.emit(name, data),
        (error) => error instanceof RoomcastError && error.reason === reason,
      );
    }
  });

  it("reach the listeners for their room and name, until the listener is removed", async () => {
    const { client, room } = await joined();
    const received: CustomEvent[] = [];
    const undo = room.on("ticket:state", (event) => received.push(event));
    client.room("public:other").on("ticket:state", (event) => received.push(event));
    client.onEvent("ticket:state", (event) => received.push(event));
    const event = { room: LOBBY, event: "ticket:state", user: "bob", data: { id: 7 } };
    const own = { event: "ticket:state", data: { id: 8 } };
    for (const one of [event, { ...event, event: "other" }, own]) gateway.io.emit("custom", one);
    await until(() => received.length === 2, "received");
    undo();
    for (const one of [event, own]) gateway.io.emit("custom", one);
    await until(() => received.length === 3, "received");
    assert.deepEqual(received, [event, own, own]);
  });
});
