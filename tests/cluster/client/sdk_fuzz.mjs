// Sends every event with every kind of odd value, and prints the answers and the number of connections.
//
//   node sdk_fuzz.mjs URL TOKEN      Out: {"answers": {reason: count}, "connects", "phase"}

import { CLIENT_EVENTS, connect } from "@roomcast/sdk";

const [url, token] = process.argv.slice(2);
const nested = (depth) => JSON.parse("[".repeat(depth) + "]".repeat(depth));
const many = Object.fromEntries(Array.from({ length: 3000 }, (_, index) => [`k${index}`, index]));
const numbers = [2 ** 63, 2 ** 64, 2 ** 70, -(2 ** 63) - 1, 1e308, 0.1, NaN, Infinity, 10n];
const characters = ["", "\u0000", "\ud83d", "\udc00x", "\uffff", "\u2028", '"', "\\", "__proto__"];
const long = ["\u0000".repeat(16_000), "€".repeat(20_000), "𝕏".repeat(4_096), "x".repeat(99_000), "x".repeat(150_000)];
const others = [null, true, [], {}, nested(31), nested(500), many, new Uint8Array(4), new Map(), () => 1, Symbol("x")];

const client = connect({ url, token: () => token, backoff: { baseMs: 20, maxMs: 50 } });
let connects = 0;
client.on("ready", () => {
  connects += 1;
});
const answers = {};
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const fields = ["id", "text", "since", "limit", "users", "status", "note", "user", "token", "name", "target", "emoji"];

for (const value of [...numbers, ...characters, ...long, ...others]) {
  const payload = { room: "public:lobby", ...Object.fromEntries(fields.map((field) => [field, value])) };
  for (const event of CLIENT_EVENTS.filter((name) => name !== "typing")) {
    const reason = await client.call(event, payload).then(
      () => "ok",
      (error) => error.reason ?? String(error),
    );
    answers[reason] = (answers[reason] ?? 0) + 1;
    await pause(10); // below the limit on events
  }
}
console.log(JSON.stringify({ answers, connects, phase: client.state.phase }));
client.close();
