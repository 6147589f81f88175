/** Provide a monotonic clock, which changes of the device's clock do not move, and the server's clock. */

/** Return milliseconds of a clock that only moves forward (W3C High Resolution Time). */
export function monotonicMs(): number {
  return globalThis.performance?.now() ?? Date.now();
}

/** The server's clock, as last announced by a `ready` event. Before the first `ready` it is the device's clock. */
export class ServerClock {
  #serverMs: number | null = null;
  #announcedMs = 0;

  /** Take over the server's time, in milliseconds since the epoch. */
  set(serverMs: number): void {
    this.#serverMs = serverMs;
    this.#announcedMs = monotonicMs();
  }

  /** Return the server's time now, in milliseconds since the epoch. */
  now(): number {
    return this.#serverMs === null ? Date.now() : this.#serverMs + (monotonicMs() - this.#announcedMs);
  }
}
