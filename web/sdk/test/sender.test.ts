import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { WebSocket } from "ws";
import type { Socket } from "socket.io";
import { MAX_ATTEMPTS } from "../src/sender.ts";
import { gateway, joined, LOBBY, online, open, texts, useGateway } from "./harness.ts";
import { MemoryStorage } from "./memory_storage.ts";
import { refusal, until, type Ack } from "./test_gateway.ts";

useGateway();

const OTHER = "public:other";
const HALF_EMOJI = "\ud83d";

async function twoRooms() {
  const { client, room } = await joined();
  const other = client.room(OTHER);
  other.join();
  await until(() => other.state.phase === "joined", "joined");
  return { client, room, other };
}

describe("the check of payloads", () => {
  const cases: [string, string, string][] = [
    ["the first half of an emoji", HALF_EMOJI, "bad_request"],
    ["half an emoji between letters", `a${HALF_EMOJI}b`, "bad_request"],
    ["the second half of an emoji", "\ude00", "bad_request"],
    ["too much text", "x".repeat(16_385), "too_large"],
    ["too many bytes in few characters", "€".repeat(5_462), "too_large"],
    ["more text than fits into a packet", "x".repeat(150_000), "too_large"],
  ];
  for (const [what, text, reason] of cases) {
    it(`fails a message with ${what} at once, and does not send it`, async () => {
      const { room, other } = await twoRooms();
      const id = room.send({ text });
      assert.deepEqual(
        room.state.messages.map((message) => [message.id, message.state, message.error?.reason]),
        [[id, "failed", reason]],
      );
      other.send({ text: "elsewhere" });
      room.send({ text: "behind it" });
      await until(() => gateway.log.length === 2, "the other messages are sent");
      assert.deepEqual([gateway.tokens.length, gateway.sends.length], [1, 2]);
    });
  }

  const deep = (levels: number): object => (levels === 1 ? {} : { in: deep(levels - 1) });
  const objects: [string, object, string][] = [
    ["data over 4 KiB", { a: "x".repeat(4_096) }, "too_large"],
    ["data that is nested too deep", deep(9), "too_large"],
    ["data that is a list", [], "bad_request"],
  ];
  for (const [what, data, reason] of objects) {
    it(`fails a message with ${what} at once, and does not send it`, async () => {
      const { room } = await joined();
      room.send({ data });
      assert.deepEqual(
        room.state.messages.map((message) => [message.state, message.error?.reason]),
        [["failed", reason]],
      );
      room.send({ text: "behind it" });
      await until(() => gateway.log.length === 1, "the next one is sent");
      assert.equal(gateway.sends.length, 1);
    });
  }

  it("accepts data of the greatest size and depth, and copies the data when the message is written", async () => {
    const { room } = await joined();
    const data = { a: "x".repeat(4_096 - '{"a":""}'.length) };
    room.send({ data });
    data.a = "changed";
    room.send({ text: "deep", data: deep(8) });
    await until(() => gateway.sends.length === 2, "sent");
    assert.deepEqual(
      gateway.sends.map((payload) => payload.data),
      [{ a: "x".repeat(4_088) }, deep(8)],
    );
  });

  it("accepts a text of the greatest length in bytes", async () => {
    const { room } = await joined();
    room.send({ text: "😀".repeat(4_096) });
    await until(() => gateway.log.length === 1, "sent");
  });

  it("fails a message above the limit in `ready`, even if it was written before the first join", async () => {
    gateway.limits = { message_bytes: 10, upload_bytes: 1, payload_bytes: 1000 };
    const client = await online();
    client.room(LOBBY).send({ text: "elf letters" });
    client.room(LOBBY).join();
    await until(() => client.room(LOBBY).state.messages[0]?.state === "failed", "failed");
    client.room(LOBBY).send({ text: "short" });
    await until(() => gateway.log.length === 1, "the next one is sent");
    assert.equal(gateway.sends.length, 1);
  });

  it("refuses a call with an invalid payload, and does not send it", async () => {
    const client = await online();
    const deep = JSON.parse(`${"[".repeat(40)}${"]".repeat(40)}`) as string;
    const round: { room?: unknown } = {};
    round.room = round;
    const payloads: [object, string][] = [
      [{ room: HALF_EMOJI }, "bad_request"],
      [{ room: LOBBY, [HALF_EMOJI]: 1 }, "bad_request"],
      [{ room: deep }, "bad_request"],
      [round, "bad_request"],
      [{ room: 1n }, "bad_request"],
      [{ room: new Uint8Array(3) }, "bad_request"],
      [{ room: new Blob(["x"]) }, "bad_request"],
      [{ room: "x".repeat(100_000) }, "too_large"],
    ];
    for (const [payload, reason] of payloads) {
      await assert.rejects(client.call("room:leave", payload as { room: string }), { reason });
    }
    await client.call("presence", {}); // the server has handled all earlier requests by then
    assert.equal(gateway.payloads("room:leave").length, 0);
    assert.equal(client.state.phase, "online");
  });
});

describe("a message that makes the server close the connection", () => {
  /** Make the server close the connection when it gets the message "poison". */
  const closeAtPoison = (close: (socket: Socket) => void) => {
    gateway.onSend = (payload, _ack, socket) => {
      if (payload.text !== "poison") return false;
      close(socket);
      return true;
    };
  };
  const closeWith = (code: number) => (socket: Socket) => {
    (socket.conn.transport as unknown as { socket: WebSocket }).socket.close(code);
  };

  it("fails after one disconnect if the close code names the fault", async () => {
    const { room } = await joined();
    closeAtPoison(closeWith(1009));
    room.send({ text: "poison" });
    await until(() => room.state.messages[0]?.state === "failed", "failed");
    assert.equal(room.state.messages[0]?.error?.reason, "too_large");
    room.send({ text: "after" });
    await until(() => gateway.log.length === 1, "the next message is sent");
    assert.equal(gateway.tokens.length, 2);
  });

  it("fails after three disconnects without such a code, and does not block other messages", async () => {
    const { room, other } = await twoRooms();
    closeAtPoison((socket) => void socket.conn.close());
    other.send({ text: "before" });
    room.send({ text: "poison" });
    other.send({ text: "beside" });
    room.send({ text: "behind" });
    await until(() => room.state.messages.some(({ state }) => state === "failed"), "failed");
    await until(() => gateway.log.length === 3, "the other messages are sent");
    assert.deepEqual(
      room.state.messages.filter(({ state }) => state === "failed").map(({ text, error }) => [text, error?.reason]),
      [["poison", "outcome_unknown"]],
    );
    assert.ok(gateway.tokens.length <= 4, `${gateway.tokens.length} connects`);
  });
});

describe("one room", () => {
  it("sends its messages while another room waits for acks", async () => {
    const { room, other } = await twoRooms();
    gateway.onSend = (payload) => payload.room === LOBBY;
    for (let count = 0; count < 100; count++) room.send({ text: `stuck ${count}` });
    other.send({ text: "free" });
    await until(() => gateway.log.length === 1, "sent");
    assert.equal(gateway.log[0]?.text, "free");
  });

  it("waits after the refusal `rate_limited`, and so do all other rooms", async () => {
    const { client, room, other } = await twoRooms();
    let isLimited = true;
    gateway.onSend = (_payload, ack) => {
      if (!isLimited) return false;
      isLimited = false;
      ack(refusal("rate_limited", { retry_after: 0.2 }));
      return true;
    };
    room.send({ text: "limited" });
    await until(() => !isLimited, "the refusal was sent");
    // The gateway answers this join after the refusal, so the client knows of the limit once the join is answered.
    const third = client.room("public:third");
    third.join();
    await until(() => third.state.phase === "joined", "joined");
    other.send({ text: "also" });
    await until(() => gateway.log.length === 2, "both messages are sent");
    assert.deepEqual(
      gateway.log.map(({ text }) => text),
      ["limited", "also"],
    );
  });
});

describe("a refusal with a `retry_after` of many hours", () => {
  it("fails the message at once, and does not block the outbox", async () => {
    const { room, other } = await twoRooms();
    gateway.onSend = ({ text }, ack) => {
      if (text !== "too much") return false;
      ack(refusal("rate_limited", { retry_after: 80_000 }));
      return true;
    };
    room.send({ text: "too much" });
    await until(() => room.state.messages.at(-1)?.state === "failed", "failed");
    assert.equal(room.state.messages.at(-1)?.error?.reason, "rate_limited");
    other.send({ text: "deleted some" });
    await until(() => gateway.log.length === 1, "the next message is sent");
  });
});

describe("a long fault of the server", () => {
  it("does not fail a delivered message whose acks were lost", async () => {
    const { room } = await joined({ ackTimeoutMs: 20 });
    let tries = 0;
    gateway.onSend = ({ id, text }) => {
      if (++tries === 1) gateway.append({ id, user: "ada", name: "Ada", text });
      return tries <= 2 * MAX_ATTEMPTS;
    };
    const states = new Set<string>();
    room.subscribe(({ messages }) => {
      for (const { state } of messages) states.add(state);
    });
    const id = room.send({ text: "frozen" });
    await until(() => room.state.messages[0]?.state === "sent", "sent");
    assert.deepEqual([...states], ["sending", "sent"]);
    assert.ok(gateway.sends.every((send) => send.id === id));
  });

  const answers: [string, (tries: number) => ReturnType<typeof refusal> | null][] = [
    ["the answer `unavailable`", () => refusal("unavailable")],
    ["the answer `outcome_unknown`", () => refusal("outcome_unknown")],
    [
      "no answer to the first try and then the answer `unavailable`",
      (tries) => (tries === 1 ? null : refusal("unavailable")),
    ],
  ];
  for (const [what, answer] of answers) {
    it(`sends a message in the end, after many tries with ${what}`, async () => {
      const { room } = await joined({ ackTimeoutMs: 20 });
      let tries = 0;
      gateway.onSend = (_payload, ack: Ack) => {
        if (++tries > 2 * MAX_ATTEMPTS) return false;
        const given = answer(tries);
        if (given) ack(given);
        return true;
      };
      room.send({ text: "patient" });
      await until(() => room.state.messages[0]?.state === "sent", "sent");
    });
  }

  it("fails the message after 55 minutes, also on a device whose clock is behind", async (t) => {
    let elapsedMs = performance.now();
    t.mock.method(performance, "now", () => elapsedMs);
    t.mock.method(Date, "now", () => gateway.serverTime() - 3_600_000);
    gateway.serverTime = () => 1_800_000_000_000;
    let tries = 0;
    gateway.onSend = (_payload, ack) => {
      tries += 1;
      ack(refusal("unavailable"));
      return true;
    };
    const client = open();
    const room = client.room(LOBBY);
    room.send({ text: "early" });
    room.join();
    await until(() => tries > MAX_ATTEMPTS, "the message is sent again");
    assert.equal(room.state.messages[0]?.state, "sending");
    elapsedMs += 55 * 60_000;
    await until(() => room.state.messages[0]?.state === "failed", "the message has failed");
    assert.equal(room.state.messages[0]?.error?.reason, "unavailable");
  });

  it("does not send a message again if its answer was lost with the connection 55 minutes ago", async (t) => {
    let elapsedMs = performance.now();
    t.mock.method(performance, "now", () => elapsedMs);
    const { room } = await joined();
    gateway.onSend = () => {
      elapsedMs += 55 * 60_000;
      gateway.cut();
      return true;
    };
    room.send({ text: "perhaps delivered" });
    await until(() => gateway.sends.length === 1, "the message is sent");
    await until(() => room.state.messages[0]?.state === "failed", "the message has failed");
    assert.deepEqual([gateway.sends.length, room.state.messages[0]?.error?.reason], [1, "outcome_unknown"]);
  });

  it("fails a message after MAX_ATTEMPTS refusals with `internal`", async () => {
    const { room } = await joined();
    gateway.onSend = (_payload, ack) => {
      ack(refusal("internal"));
      return true;
    };
    room.send({ text: "unlucky" });
    await until(() => room.state.messages[0]?.state === "failed", "failed");
    assert.deepEqual([gateway.sends.length, room.state.messages[0]?.error?.reason], [MAX_ATTEMPTS, "internal"]);
  });

  it("fails a message with `outcome_unknown` if the first try got no answer and all later tries got `internal`", async () => {
    const { room } = await joined({ ackTimeoutMs: 20 });
    gateway.onSend = (_payload, ack) => {
      if (gateway.sends.length > 1) ack(refusal("internal"));
      return true;
    };
    room.send({ text: "unlucky" });
    await until(() => room.state.messages[0]?.state === "failed", "failed");
    assert.equal(room.state.messages[0]?.error?.reason, "outcome_unknown");
  });
});

describe("a room that refuses the user", () => {
  it("fails its drafts when the user is removed, and is joined again when the user retries a draft", async () => {
    const { room } = await joined();
    gateway.onSend = () => true;
    const id = room.send({ text: "too late" });
    await until(() => gateway.sends.length === 1, "the message is sent");
    gateway.io.emit("room", { room: LOBBY, change: "removed" });
    await until(() => room.state.messages[0]?.state === "failed", "failed");
    assert.deepEqual([room.state.phase, room.state.messages[0]?.error?.reason], ["refused", "forbidden"]);
    gateway.onSend = () => false;
    room.retry(id);
    await until(() => room.state.messages[0]?.state === "sent", "the retried message is sent");
    assert.deepEqual(texts(room), ["too late"]);
  });

  it("fails the drafts that an earlier page load left, and no later page load joins the room for them", async () => {
    const storage = new MemoryStorage();
    const first = await joined({ storage });
    gateway.onSend = () => true;
    first.room.send({ text: "left over" });
    await until(() => gateway.sends.length === 1, "the message is sent");
    first.client.close();
    gateway.onEvent = (event) => (event === "room:join" ? refusal("forbidden") : undefined);
    const second = await online({ storage });
    await until(() => second.room(LOBBY).state.phase === "refused", "refused");
    assert.deepEqual(
      second.room(LOBBY).state.messages.map(({ text, state }) => [text, state]),
      [["left over", "failed"]],
    );
    second.close();
    const joins = gateway.payloads("room:join").length;
    const third = await online({ storage });
    await third.call("presence", {});
    assert.equal(gateway.payloads("room:join").length, joins);
    assert.equal(third.room(LOBBY).state.messages.length, 0);
  });
});
