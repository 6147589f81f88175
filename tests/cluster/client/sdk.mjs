// The SDK in one room, behind a TCP proxy that breaks its connections. Reads orders and prints results as lines.
//
//   node sdk.mjs URL TOKEN ROOM TRANSPORTS BREAK_MS    TRANSPORTS: joined by commas; BREAK_MS: between two breaks
//
// In:  {"away": true}   refuse all connections       {"away": false}   allow them again
//      {"until": seq}   report once every message up to `seq` is shown
//      {"send": text}   send a message; report once it is acked, as {"sent": seq, "text"}
// Out: {"phase"}        the phase of the room, at every change
//      {"first", "last", "count", "gaps", "duplicates", "cut", "connects", "unsent"}      the report for "until"
// When its input ends, the program closes the client; the process then exits by itself.

import { connect as open, createServer } from "node:net";
import { createInterface } from "node:readline";
import { connect } from "@roomcast/sdk";

const [url, token, id, transports, breakMs] = process.argv.slice(2);
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

let isAway = false;
const sockets = new Set();
const proxy = createServer((client) => {
  if (isAway) return client.destroy();
  const target = open(Number(new URL(url).port), "127.0.0.1");
  for (const socket of [client, target]) {
    sockets.add(socket);
    socket.on("error", () => {}).on("close", () => {
      sockets.delete(socket);
      client.destroy();
      target.destroy();
    });
  }
  client.pipe(target).pipe(client);
});
await new Promise((resolve) => proxy.listen(0, "127.0.0.1", resolve));

const breakConnections = () => {
  for (const socket of sockets) socket.destroy();
};
const breaking = setInterval(breakConnections, Number(breakMs));

const client = connect({
  url: `http://127.0.0.1:${proxy.address().port}`,
  token: () => token,
  transports: transports.split(","),
  backoff: { baseMs: 50, maxMs: 400 },
});
let connects = 0;
client.on("ready", () => {
  connects += 1;
});

const faults = { gaps: 0, duplicates: 0 };
const waiting = [];
const room = client.room(id);
room.subscribe((state) => {
  // Every state that the SDK shows must be without gaps, not only the last one.
  const seqs = state.messages.map(({ seq }) => seq).filter((seq) => seq !== null);
  for (let at = 1; at < seqs.length; at++) {
    // Edits, deletions and reactions use a seq without a message, but this room has none.
    if (seqs[at] > seqs[at - 1] + 1) faults.gaps += 1;
    if (seqs[at] <= seqs[at - 1]) faults.duplicates += 1;
  }
  for (const look of [...waiting]) if (look(state, seqs)) waiting.splice(waiting.indexOf(look), 1);
});
let phase = "";
room.subscribe((state) => {
  if (state.phase !== phase) say({ phase: (phase = state.phase) });
});
room.join();

function report(seq) {
  const look = (state, seqs) => {
    if (state.seq < seq) return false;
    const unsent = state.messages.filter(({ state: one }) => one !== "sent").length;
    say({ first: seqs[0], last: state.seq, count: seqs.length, ...faults, cut: state.cut, connects, unsent });
    return true;
  };
  if (!look(room.state, room.state.messages.map((message) => message.seq))) waiting.push(look);
}

function send(text) {
  const message = room.send({ text });
  waiting.push((state) => {
    const own = state.messages.find((one) => one.id === message);
    if (own?.state === "failed") throw new Error(`failed: ${own.error.reason}`);
    if (own?.state !== "sent" || own.seq === null) return false;
    say({ sent: own.seq, text });
    return true;
  });
}

for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line);
  if (order.away !== undefined) {
    isAway = order.away;
    if (isAway) breakConnections();
  }
  if (order.until !== undefined) report(order.until);
  if (order.send !== undefined) send(order.send);
}
clearInterval(breaking);
client.close();
proxy.close();
breakConnections();
