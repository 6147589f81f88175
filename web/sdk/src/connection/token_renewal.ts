/** Renew the token of an open connection before the server closes it. */

import type { ServerClock } from "./clock.ts";
import type { Connection } from "./connection.ts";
import { RoomcastError } from "../errors.ts";
import { refreshInMs } from "./token_expiry.ts";

export class TokenRenewal {
  readonly #connection: Connection;
  readonly #clock: ServerClock;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** The token that the gateway has accepted. */
  #accepted = "";

  constructor(connection: Connection, clock: ServerClock) {
    this.#connection = connection;
    this.#clock = clock;
  }

  /** Plan the next renewal; call it after every `ready`. */
  start(): void {
    this.#accepted = this.#connection.tokens.current;
    this.#plan();
  }

  #plan(): void {
    this.stop();
    const waitMs = refreshInMs(this.#accepted, this.#clock.now());
    if (waitMs !== null) this.#timer = setTimeout(() => void this.#renew(), waitMs);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  /**
   * Renew the token. After a failure, try again until the token expires; then the client reconnects with a new one.
   *
   * If the token source says that there is no token, the client ends its connection.
   */
  async #renew(): Promise<void> {
    if (!this.#connection.online) return;
    try {
      const token = await this.#connection.tokens.fetch();
      await this.#connection.call("auth:refresh", { token }).then(
        () => {
          this.#accepted = token;
        },
        () => {},
      );
    } catch (error) {
      const failure = RoomcastError.from(error);
      if (!failure.retryable) this.#connection.refuse(failure);
    }
    // After a failure this plans the next try, nearer to the expiry of the accepted token.
    if (this.#connection.online) this.#plan();
  }
}
