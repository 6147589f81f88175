// A Socket.IO server on Node.js. A client joins the room in its CONNECT; event `m` is relayed to the room it names. The
// server keeps no log and sends no acks.
// Usage: node server.js <port> <redis url> <plain|sharded>
"use strict";

const { createServer } = require("node:http");
const { createClient } = require("redis");
const { createAdapter, createShardedAdapter } = require("@socket.io/redis-adapter");
const { Server } = require("socket.io");

async function main([port, redisUrl, kind]) {
  const publisher = createClient({ url: redisUrl });
  const subscriber = publisher.duplicate();
  await Promise.all([publisher.connect(), subscriber.connect()]);
  const adapter = kind === "sharded" ? createShardedAdapter : createAdapter;
  const http = createServer();
  const io = new Server(http, {
    adapter: adapter(publisher, subscriber),
    transports: ["websocket"],
    serveClient: false,
    perMessageDeflate: false,
  });
  io.on("connection", (socket) => {
    socket.join(socket.handshake.auth.room);
    socket.on("m", (message) => io.to(message.room).emit("m", message));
  });
  http.listen({ port: Number(port), host: "127.0.0.1", backlog: 4096 });
}

process.on("SIGTERM", () => process.exit(0));
main(process.argv.slice(2));
