// A Socket.IO server on Bun, with the engine that Socket.IO's makers wrote for Bun. A client joins the room in its
// CONNECT; event `m` is relayed to the room it names. The server keeps no log and sends no acks.
// Usage: bun server.mjs <port> <redis url>
import { Server as Engine } from "@socket.io/bun-engine";
import { createAdapter } from "@socket.io/redis-adapter";
import { createClient } from "redis";
import { Server } from "socket.io";

const [port, redisUrl] = process.argv.slice(2);
const publisher = createClient({ url: redisUrl });
const subscriber = publisher.duplicate();
await Promise.all([publisher.connect(), subscriber.connect()]);

const io = new Server({ adapter: createAdapter(publisher, subscriber) });
const engine = new Engine({ path: "/socket.io/" });
io.bind(engine);
io.on("connection", (socket) => {
  socket.join(socket.handshake.auth.room);
  socket.on("m", (message) => io.to(message.room).emit("m", message));
});

process.on("SIGTERM", () => process.exit(0));
Bun.serve({ port: Number(port), hostname: "127.0.0.1", ...engine.handler() });
