import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { gateway, joined, texts, useGateway } from "./harness.ts";
import { until } from "./test_gateway.ts";

useGateway();

/** Longer than the time within which a room joins again: two waits of ECHO_MS (2 s) each. */
const LIMIT_MS = 20_000;

/** Let the server ack messages with the text "lost echo", store them, and deliver them to no client. */
function loseEchoes(): void {
  gateway.onSend = ({ room, id, text }, ack) => {
    if (text !== "lost echo") return false;
    const { seq, time } = gateway.append({ room, id, user: "ada", name: "Ada", text });
    ack({ ok: true, seq, time, duplicate: false });
    return true;
  };
}

describe("a room whose own message was acked", () => {
  it("joins again if the message does not arrive", async () => {
    const { room } = await joined();
    loseEchoes();
    room.send({ text: "lost echo" });
    await until(() => room.state.seq === 1, "the message is shown", LIMIT_MS);
    assert.equal(gateway.joins.length, 2);
  });

  it("joins again, once, if an earlier message arrives and a later one does not", async () => {
    const { room } = await joined();
    loseEchoes();
    room.send({ text: "arrives" });
    room.send({ text: "lost echo" });
    await until(() => room.state.seq === 2, "the later message is shown", LIMIT_MS);
    assert.deepEqual([texts(room), gateway.joins.length], [["arrives", "lost echo"], 2]);
  });
});
