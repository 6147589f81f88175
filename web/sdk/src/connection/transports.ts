/**
 * Choose the transport that a connect tries first. Pure.
 *
 * A WebSocket takes one round trip to open, polling three. Some proxies drop the upgrade request: the WebSocket then
 * neither opens nor fails. So if a WebSocket has not opened in time, the client tries polling first, as a stock
 * Socket.IO client does, and then upgrades in the background if a WebSocket opens.
 */

/** The name of an Engine.IO transport. */
export type Transport = "websocket" | "polling";

/** Milliseconds for a WebSocket to open: more than the 3 s for which a busy gateway may delay a new session. */
const WEBSOCKET_OPEN_MS = 5_000;
const OPEN_MS = 20_000;

export class TransportOrder {
  #order: Transport[];
  readonly #websocketOpenMs: number;

  constructor(order: readonly Transport[] = ["websocket", "polling"], websocketOpenMs = WEBSOCKET_OPEN_MS) {
    this.#order = [...order];
    this.#websocketOpenMs = websocketOpenMs;
  }

  get order(): Transport[] {
    return [...this.#order];
  }

  /** How long the first transport may take to open, in milliseconds. */
  get openMs(): number {
    return this.#order[0] === "websocket" && this.#order.length > 1 ? this.#websocketOpenMs : OPEN_MS;
  }

  /** Put the other transport first, after an attempt that stalled. Return whether there is another transport. */
  stalled(): boolean {
    this.#order.reverse();
    return this.#order.length > 1;
  }
}
