import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, it } from "node:test";
import { RoomcastError } from "../src/errors.ts";
import { fetchTransport, type FileTransport } from "../src/upload.ts";
import { gateway, joined, LOBBY, open, texts, useGateway } from "./harness.ts";
import { MemoryStorage } from "./memory_storage.ts";
import { until } from "./test_gateway.ts";

useGateway();

describe("connection", () => {
  it("has the user's name after the sign-in, and requests a token at every connect", async () => {
    let count = 0;
    const client = open({ token: async () => `token-${++count}` });
    await until(() => client.state.phase === "online", "online");
    assert.deepEqual(client.self, { user: "ada", name: "Ada" });
    gateway.cut();
    await until(() => gateway.tokens.length === 2, "second connect");
    assert.deepEqual(gateway.tokens, ["token-1", "token-2"]);
  });

  it("stops after several refusals of the token, and shows the error code", async () => {
    const refusal = Object.assign(new Error("unauthorized"), {
      data: { code: 200, reason: "unauthorized", retryable: false },
    });
    gateway.accepts = () => refusal;
    const client = open();
    await until(() => client.state.phase === "refused", "refused");
    assert.equal(client.state.error?.reason, "unauthorized");
    assert.equal(gateway.tokens.length, 3);
  });

  it("reconnects after a disconnect by the server", async () => {
    const client = open();
    await until(() => client.state.phase === "online", "online");
    gateway.io.disconnectSockets();
    await until(() => gateway.tokens.length === 2 && client.state.phase === "online", "online again");
  });

  it("waits for the Retry-After of a 503", async () => {
    const listeners = gateway.http.listeners("request") as ((...args: unknown[]) => void)[];
    const times: number[] = [];
    gateway.http.removeAllListeners("request");
    gateway.http.on("request", (request, response) => {
      times.push(Date.now());
      if (times.length === 1) response.writeHead(503, { "Retry-After": "1" }).end();
      else for (const listener of listeners) listener(request, response);
    });
    const client = open({ transports: ["polling"] });
    await until(() => client.state.phase === "waiting", "waiting");
    assert.ok((client.state.retryAtMs ?? 0) >= times[0]! + 1000);
    await until(() => client.state.phase === "online", "online");
    assert.ok(times[1]! - times[0]! >= 1000);
  });

  it("tries again when the token source fails", async () => {
    let count = 0;
    const token = () => (++count < 3 ? Promise.reject(new Error("offline")) : Promise.resolve("t"));
    const client = open({ token });
    await until(() => client.state.phase === "online", "online");
    assert.equal(count, 3);
  });
});

describe("sending", () => {
  it("shows a message at once as sending, and later as sent, without a duplicate", async () => {
    const { room } = await joined();
    const id = room.send({ text: "hello" });
    assert.deepEqual(
      room.state.messages.map(({ id, state }) => [id, state]),
      [[id, "sending"]],
    );
    await until(() => room.state.messages[0]?.state === "sent" && room.state.seq === 1, "sent");
    assert.deepEqual(texts(room), ["hello"]);
  });

  it("shows a message once, and does not send it again, if the log has it and only its ack was lost", async () => {
    const { room } = await joined();
    gateway.onSend = (payload, _ack) => {
      gateway.onSend = () => false;
      gateway.append({ id: payload.id, user: "ada", name: "Ada", text: payload.text });
      gateway.cut();
      return true;
    };
    const id = room.send({ text: "once" });
    await until(() => gateway.joins.length === 2 && room.state.messages.every(({ state }) => state === "sent"), "sent");
    assert.deepEqual(
      room.state.messages.map((message) => message.id),
      [id],
    );
    assert.deepEqual(
      gateway.sends.map((send) => send.id),
      [id],
    );
    assert.equal(gateway.log.length, 1);
  });

  it("sends messages that were written offline in the order written", async () => {
    const { client, room } = await joined();
    gateway.cut();
    await until(() => client.state.phase !== "online", "offline");
    const texts = Array.from({ length: 80 }, (_, index) => `number ${index}`);
    for (const text of texts) room.send({ text });
    await until(() => gateway.log.length === 80, "all messages are in the log");
    assert.deepEqual(
      gateway.log.map(({ text }) => text),
      texts,
    );
  });

  it("repeats a message after a retryable refusal, and fails it after a final refusal", async () => {
    const { room } = await joined();
    let refusals = 0;
    gateway.onSend = (_payload, ack) => {
      if (++refusals > 2) return false;
      ack({ ok: false, error: { code: 302, reason: "rate_limited", retryable: true, retry_after: 0.05 } });
      return true;
    };
    room.send({ text: "patient" });
    await until(() => gateway.log.length === 1, "the message is in the log");
    gateway.onSend = (_payload, ack) => {
      ack({ ok: false, error: { code: 201, reason: "forbidden", retryable: false } });
      return true;
    };
    const id = room.send({ text: "forbidden" });
    await until(() => room.state.messages.at(-1)?.state === "failed", "failed");
    assert.equal(room.state.messages.at(-1)?.error?.reason, "forbidden");
    gateway.onSend = () => false;
    room.retry(id);
    await until(() => room.state.messages.at(-1)?.state === "sent", "sent after retry");
  });

  it("tries again after a missing ack", async () => {
    const { room } = await joined({ ackTimeoutMs: 60 });
    gateway.onSend = () => gateway.sends.length < 3;
    room.send({ text: "hello?" });
    await until(() => gateway.log.length === 1, "the message is in the log");
    assert.equal(gateway.sends.length, 3);
    assert.equal(new Set(gateway.sends.map(({ id }) => id)).size, 1);
  });

  it("sends the unsent messages again after a reload of the page", async () => {
    const storage = new MemoryStorage();
    const { client, room } = await joined({ storage });
    gateway.onSend = () => true;
    const id = room.send({ text: "survivor" });
    await until(() => gateway.sends.length === 1, "the message is sent");
    client.close();
    gateway.onSend = () => false;
    const again = await joined({ storage });
    await until(() => gateway.log.length === 1, "the new page has sent the message");
    assert.equal(gateway.log[0]?.id, id);
    await until(() => storage.length === 0, "outbox empty");
    assert.deepEqual(texts(again.room), ["survivor"]);
  });
});

describe("recovery", () => {
  it("reads missed messages in several pages, in order", async () => {
    gateway.append({});
    const { client, room } = await joined();
    gateway.cut();
    await until(() => client.state.phase !== "online", "offline");
    for (let count = 0; count < 7; count++) gateway.append({});
    await until(() => room.state.seq === 8, "all messages are shown");
    assert.deepEqual(
      texts(room),
      [1, 2, 3, 4, 5, 6, 7, 8].map((seq) => `text ${seq}`),
    );
    assert.equal(room.state.cut, false);
  });

  it("never shows a message before an earlier one that is missing", async () => {
    const { room } = await joined();
    gateway.say();
    await until(() => room.state.seq === 1, "the first message is shown");
    const shown: number[][] = [];
    room.subscribe((state) => shown.push(state.messages.map(({ seq }) => seq ?? 0)));
    gateway.append({});
    gateway.say();
    await until(() => room.state.seq === 3, "all messages are shown");
    assert.deepEqual(shown.at(-1), [1, 2, 3]);
    for (const seqs of shown)
      assert.deepEqual(
        seqs,
        seqs.map((_, index) => index + 1),
      );
  });

  it("joins again after a resync, and shows that a new epoch has lost messages", async () => {
    gateway.append({});
    const { room } = await joined();
    gateway.epoch = "epoch-two-000000";
    gateway.log = [];
    gateway.append({ text: "new world" });
    gateway.io.emit("resync", { room: LOBBY });
    await until(() => room.state.cut, "`cut` is true");
    assert.deepEqual(texts(room), ["new world"]);
  });

  it("loads older messages page by page, up to the first", async () => {
    for (let count = 0; count < 7; count++) gateway.append({});
    const { room } = await joined();
    assert.equal(room.state.hasOlder, true);
    await Promise.all([room.loadOlder(), room.loadOlder()]);
    assert.equal(room.state.messages.length, 6);
    await room.loadOlder();
    assert.deepEqual(
      texts(room),
      [1, 2, 3, 4, 5, 6, 7].map((seq) => `text ${seq}`),
    );
    assert.equal(room.state.hasOlder, false);
  });
});

describe("typing", () => {
  it("of another user is shown until that user's next message", async () => {
    const { room } = await joined();
    gateway.io.emit("typing", { room: LOBBY, user: "bob", typing: true });
    await until(() => room.state.typing.includes("bob"), "typing");
    gateway.say();
    await until(() => room.state.typing.length === 0, "the indicator has ended");
  });

  it("of the own user is sent once for five key presses, and ends with the message", async () => {
    const { room } = await joined();
    for (let key = 0; key < 5; key++) room.setTyping(true);
    room.send({ text: "done" });
    await until(() => gateway.log.length === 1, "sent");
    const signs = gateway.events
      .filter(([event]) => event === "typing")
      .map(([, sign]) => (sign as { typing: boolean }).typing);
    assert.deepEqual(signs, [true, false]);
  });
});

describe("the list of rooms", () => {
  it("is loaded up to its last page", async () => {
    gateway.rooms = Array.from({ length: 250 }, (_, index) => `public:room-${String(index).padStart(3, "0")}`);
    const client = open();
    const listed = await client.listRooms();
    assert.deepEqual(
      listed.map(({ room }) => room),
      gateway.rooms,
    );
  });
});

describe("upload", () => {
  const file = () => new File(["abc"], "x.png", { type: "image/png" });

  it("is signed, sent again after a failure, and confirmed", async () => {
    let tries = 0;
    const fileTransport: FileTransport = async (_signed, blob, onProgress) => {
      if (++tries === 1) throw RoomcastError.of("unavailable");
      onProgress(blob.size);
    };
    const { client } = await joined({ fileTransport });
    const upload = client.upload(LOBBY, file());
    const phases: string[] = [];
    upload.subscribe(({ phase }) => phases.at(-1) !== phase && phases.push(phase));
    assert.equal((await upload.done).upload, "upload-1");
    assert.deepEqual([phases, upload.state.sentBytes, tries], [["sending", "checking", "done"], 3, 2]);
  });

  it("stops when the client closes", async () => {
    const fileTransport: FileTransport = (_signed, _blob, _onProgress, signal) =>
      new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error)));
    const { client } = await joined({ fileTransport });
    const upload = client.upload(LOBBY, file());
    await until(() => upload.state.phase === "sending", "sending");
    client.close();
    await assert.rejects(upload.done, { name: "AbortError" });
  });

  it("stops when it is cancelled, and is not confirmed", async () => {
    const fileTransport: FileTransport = (_signed, _blob, _onProgress, signal) =>
      new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    const { client } = await joined({ fileTransport });
    const upload = client.upload(LOBBY, file());
    await until(() => upload.state.phase === "sending", "sending");
    upload.cancel();
    await assert.rejects(upload.done, { name: "AbortError" });
    assert.equal(upload.state.phase, "cancelled");
    await client.call("presence", {}); // the server has handled all earlier events by then
    assert.ok(!gateway.events.some(([event]) => event === "media:complete"));
  });
});

describe("the upload by fetch", () => {
  const send = (url: string, signal = new AbortController().signal) =>
    fetchTransport(
      { upload: "u", method: "PUT", url, expires: 0, headers: { "X-Kind": "a" } },
      new Blob(["abc"]),
      () => {},
      signal,
    );

  it("sends headers and bytes, and rejects when the storage refuses or cannot be reached", async () => {
    const received: string[] = [];
    const storage = createServer((request, response) => {
      received.push(`${request.method} ${request.headers["x-kind"]}`);
      request.on("data", (bytes) => received.push(String(bytes)));
      request.on("end", () => response.writeHead(request.url === "/refused" ? 403 : 204).end());
    }).listen(0, "127.0.0.1");
    await once(storage, "listening");
    const url = `http://127.0.0.1:${(storage.address() as AddressInfo).port}`;
    await send(url);
    assert.deepEqual(received, ["PUT a", "abc"]);
    await assert.rejects(send(`${url}/refused`), { reason: "media_refused" });
    await assert.rejects(send(url, AbortSignal.abort()), { name: "AbortError" });
    storage.close();
    storage.closeAllConnections();
    await assert.rejects(send(url), { reason: "unavailable" });
  });
});
