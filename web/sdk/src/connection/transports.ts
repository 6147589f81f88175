/**
 * Choose the transport that a connect tries first. Pure.
 *
 * WebSocket first takes one round trip where polling takes three. Some proxies swallow the upgrade: the WebSocket never
 * opens and never fails. Therefore a WebSocket that is not open in time makes way for polling, and from then on
 * polling goes first, as in a stock client, which upgrades in the background where that works.
 */

/** The name of an Engine.IO transport. */
export type Transport = "websocket" | "polling";

/** Longer than the 3 seconds for which a gateway may hold back a new session in a rush of reconnects. */
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

  /** Put the other transport first, after an attempt that stalled. Returns whether there is another one. */
  stalled(): boolean {
    this.#order.reverse();
    return this.#order.length > 1;
  }
}
