// A stock socket.io-client that sends packets that a gateway must refuse, and prints the answers.
//
//   node refused.mjs URL TOKEN TRANSPORT
//
// Out, one line of JSON:
//   {"answers": {name: reason}}            for each of EVENTS: the reason in the ack, "ok", or null without an ack
//   {"connects", "disconnects"}            the numbers of connects and disconnects meanwhile
//   {"burst": [seq]}                       the acks of BURST texts sent at once; null without an ack
//   {"refused": {name: {"messages", "connects"}}}      for each of AUTHS: the messages of connect_error, and the attempts

import { io } from "socket.io-client";

const [url, token, transport] = process.argv.slice(2);
const ROOM = "public:lobby";
const ANSWER_MS = 5_000;
const BURST = 60;
const LONGER_THAN_A_RECONNECT_MS = 2_500;
const transports = [transport];

const nested = (levels, wrap) => Array.from({ length: levels }).reduce((inner) => wrap(inner), 1);
const send = (more) => ["message:send", { room: ROOM, id: "a", text: "x", ...more }];

const EVENTS = {
  "a text of 150,000 characters": send({ text: "x".repeat(150_000) }),
  "a text of 900,000 characters": send({ text: "x".repeat(900_000) }),
  "a text of 300,000 bytes in emoji": send({ text: "\u{1F600}".repeat(75_000) }),
  "an edit of 150,000 characters": ["message:edit", { room: ROOM, id: "a", target: 1, text: "x".repeat(150_000) }],
  "a note of 150,000 characters": ["presence", { note: "x".repeat(150_000) }],
  "a list of 20,000 users": ["presence:query", { users: Array(20_000).fill("someone") }],
  "an unknown event of 150,000 characters": ["no:such", "x".repeat(150_000)],
  "a name of 150,000 characters": ["x".repeat(150_000), {}],
  "an attachment of 150,000 bytes": send({ data: Buffer.alloc(150_000) }),
  "three attachments of 50,000 bytes": send({ data: [Buffer.alloc(50_000), Buffer.alloc(50_000), Buffer.alloc(50_000)] }),
  "a small attachment behind a large one": send({ data: [Buffer.alloc(150_000), Buffer.alloc(10)] }),
  "a large text with an attachment": send({ text: "x".repeat(150_000), data: Buffer.alloc(10) }),
  "arrays 100 deep": send({ data: nested(100, (inner) => [inner]) }),
  "objects 3,000 deep": send({ text: nested(3_000, (inner) => ({ inner })) }),
  "a deep object with an attachment": send({ text: nested(100, (inner) => [inner]), data: Buffer.alloc(10) }),
  "a placeholder of its own": send({ text: { _placeholder: true, num: 0 }, data: Buffer.alloc(10) }),
  "half an emoji": send({ text: "\ud83d" }),
  "half an emoji in a note": ["presence", { note: "\ude00" }],
  "half an emoji in a key": send({ "\ud83d": 1 }),
  "a number that JSON does not have": send({ text: Infinity }),
  "a number for a name": [7, {}],
  "nothing for a name": [null],
  "no payload": ["message:send"],
  "two payloads": ["message:send", {}, {}],
  "bytes for a payload": ["message:send", Buffer.alloc(10)],
};

const AUTHS = {
  "a text": token,
  "a list": [token],
  "a number for a token": { token: 7 },
  "half an emoji": { token: "\ud83d" },
  "a token of 20,000 characters": { token: "x".repeat(20_000) },
  "a token of 150,000 characters": { token: "x".repeat(150_000) },
  "a deep field": { token, more: nested(100, (inner) => [inner]) },
  "a note of 20,000 characters": { token, note: "x".repeat(20_000) },
};

async function answers() {
  const counts = { connects: 0, disconnects: 0 };
  const socket = io(url, { auth: { token }, transports });
  socket.on("connect", () => (counts.connects += 1));
  socket.on("disconnect", (reason) => (counts.disconnects += reason === "io client disconnect" ? 0 : 1));
  await new Promise((resolve) => socket.once("ready", resolve));
  const found = {};
  for (const [name, event] of Object.entries(EVENTS)) {
    const answer = await socket.timeout(ANSWER_MS).emitWithAck(...event).catch(() => null);
    found[name] = answer && (answer.ok ? "ok" : answer.error.reason);
  }
  const texts = Array.from({ length: BURST }, (_, id) => ({ room: `public:burst-${transport}`, id: `b${id}`, text: "x".repeat(16_000) }));
  const receipts = await Promise.all(
    texts.map((text) => socket.timeout(ANSWER_MS).emitWithAck("message:send", text).catch(() => null)),
  );
  socket.disconnect();
  return { answers: found, burst: receipts.map((receipt) => receipt?.seq ?? null), ...counts };
}

async function refusal(auth) {
  const messages = [];
  let connects = 0;
  const socket = io(url, { auth, transports, forceNew: true, reconnectionDelay: 100 });
  socket.io.on("open", () => (connects += 1));
  socket.on("connect_error", (error) => messages.push(error.message));
  await new Promise((resolve) => setTimeout(resolve, LONGER_THAN_A_RECONNECT_MS));
  socket.disconnect();
  return { messages, connects };
}

const result = await answers();
const refused = await Promise.all(Object.entries(AUTHS).map(async ([name, auth]) => [name, await refusal(auth)]));
process.stdout.write(JSON.stringify({ ...result, refused: Object.fromEntries(refused) }));
