// A stock socket.io-client: it emits the events that its standard input names, and prints received events as lines.
//
//   node client.mjs URL TOKEN [TRANSPORTS]      TRANSPORTS: joined by commas; without them: the client's default
//
// In:  {"event", "payload"}                     emit, no ack
//      {"event", "payload", "call", "within_ms"}  emit with ack
// Out: {"event", "payload"}                     an event of the server, or: transport, disconnect, connect_error
//      {"call", "answer"}                       the ack; null when none arrived in time
// The process disconnects and exits when its input ends.

import { createInterface } from "node:readline";
import { io } from "socket.io-client";

const [url, token, transports] = process.argv.slice(2);
const socket = io(url, { auth: { token }, ...(transports ? { transports: transports.split(",") } : {}) });

const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const tell = (event, payload) => say({ event, payload });

socket.on("connect", () => {
  const { engine } = socket.io;
  tell("transport", { name: engine.transport.name });
  engine.on("upgrade", (transport) => tell("transport", { name: transport.name }));
});
socket.on("disconnect", (reason) => tell("disconnect", { reason }));
socket.on("connect_error", (error) => tell("connect_error", { reason: error.message }));
socket.onAny(tell);

async function call({ event, payload, call, within_ms }) {
  const answer = await socket.timeout(within_ms).emitWithAck(event, payload).catch(() => null);
  say({ call, answer });
}

for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line);
  if (order.call === undefined) socket.emit(order.event, order.payload);
  else void call(order);
}
socket.disconnect();
