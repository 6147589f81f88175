/** Run a TCP proxy between client and server that breaks WebSockets, as some proxies do. */

import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";

/**
 * - `swallow-upgrade`: the request to upgrade is never answered.
 * - `swallow-frames`: the upgrade succeeds, and all later bytes of the client are lost.
 */
export type Fault = "swallow-upgrade" | "swallow-frames";

export class TcpProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(targetPort: number, fault: Fault) {
    this.#server = createServer((client) => {
      const target = connect(targetPort, "127.0.0.1");
      let isWebSocket = false;
      for (const socket of [client, target]) {
        this.#sockets.add(socket);
        socket.on("error", () => {});
      }
      client.on("data", (bytes) => {
        if (isWebSocket) return;
        isWebSocket = /^upgrade: websocket/im.test(bytes.toString("latin1"));
        if (!isWebSocket || fault === "swallow-frames") target.write(bytes);
      });
      target.pipe(client);
      client.on("close", () => target.destroy());
      target.on("close", () => client.destroy());
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }
}
