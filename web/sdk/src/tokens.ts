/** Ask the application's token source: one question at a time, and none that is waited for without end. */

import { RoomcastError } from "./errors.ts";

/** Returns a fresh token for the signed-in user. The SDK calls it before every connect and before a token expires. */
export type TokenSource = () => string | Promise<string>;

/** A token source that does not answer within this time has failed; the client asks again after a pause. */
const ANSWER_MS = 30_000;

export class Tokens {
  readonly #source: TokenSource;
  #pending: Promise<string> | null = null;
  #current = "";
  #cancel: ((reason: RoomcastError) => void) | null = null;

  constructor(source: TokenSource) {
    this.#source = source;
  }

  /** The token that was fetched last; empty before the first. */
  get current(): string {
    return this.#current;
  }

  /**
   * Return a fresh token. A call while another one waits shares its answer.
   *
   * @throws RoomcastError `unavailable`: the source failed, or did not answer in time, or `stop` was called
   */
  fetch(): Promise<string> {
    this.#pending ??= this.#ask().finally(() => (this.#pending = null));
    return this.#pending;
  }

  /** Give up what is waited for, so that no timer keeps a process alive. */
  stop(): void {
    this.#cancel?.(RoomcastError.of("unavailable", "closed"));
  }

  #ask(): Promise<string> {
    return new Promise<string>((resolve, reject) => {
      const fail = (error: unknown) => reject(failed(error));
      const timer = setTimeout(() => fail("the token source does not answer"), ANSWER_MS);
      const settle = () => (clearTimeout(timer), (this.#cancel = null));
      this.#cancel = (reason) => (settle(), reject(reason));
      const take = (token: string) => (settle(), (this.#current = token), resolve(token));
      // In a promise, so that a source that throws at once is handled like one that rejects.
      Promise.resolve().then(this.#source).then(take, (error: unknown) => (settle(), fail(error)));
    });
  }
}

function failed(error: unknown): RoomcastError {
  return RoomcastError.of("unavailable", `no token: ${error instanceof Error ? error.message : String(error)}`);
}
