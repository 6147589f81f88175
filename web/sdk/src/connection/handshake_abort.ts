/** Abort the polling request of a handshake that the client has given up. */

import type { Socket } from "socket.io-client";

/** The internals of engine.io-client's polling transport that this module uses. */
interface PollingTransport {
  readyState?: string;
  pollXhr?: { _xhr?: unknown };
}

/**
 * Return a function that aborts the polling request of a handshake under way.
 *
 * socket.io-client leaves the request pending. If the server never answers, each attempt would then occupy one more of
 * the few connections that a browser opens to a host. In Node the request is not aborted: socket.io-client's request
 * object would throw later.
 */
export function handshakeOf(socket: Socket): () => void {
  const transport = socket.io.engine?.transport as unknown as PollingTransport | undefined;
  const request = transport?.readyState === "opening" ? transport.pollXhr?._xhr : null;
  if (typeof XMLHttpRequest === "undefined" || !(request instanceof XMLHttpRequest)) return () => {};
  return () => request.abort();
}
