// Runs the recipe of the README with stock socket.io-client, and prints the messages that it shows.
//
//   node recipe.mjs RECIPE URL TOKEN ROOM        RECIPE: the compiled chat.ts
//
// In:  "break"       close the transport, as a lost network does
//      "leave"       disconnect, and stay away until "return"
// Out: {"show": [seq, epoch]}   a message
//      {"clear": true}          there may be a gap before the next message
//      {"ready": node}          connected to gateway `node`
// The process closes the chat and exits when its input ends.

import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const [recipe, url, token, room] = process.argv.slice(2);
globalThis.fetch = async () => ({ json: async () => ({ token }) });

const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const { openChat } = await import(pathToFileURL(recipe));
const chat = openChat(
  url,
  room,
  (message) => say({ show: [message.seq, message.epoch] }),
  () => say({ clear: true }),
);
chat.socket.on("ready", (ready) => say({ ready: ready.node }));

function leave() {
  chat.socket.connect = () => chat.socket;
  chat.socket.disconnect();
}

function comeBack() {
  delete chat.socket.connect;
  chat.socket.connect();
}

for await (const line of createInterface({ input: process.stdin })) {
  if (line === "break" && chat.socket.connected) chat.socket.io.engine.close();
  else if (line === "leave") leave();
  else if (line === "return") comeBack();
}
chat.close();
