/** Call the application's token source: one call at a time, each with a timeout. */

import { RoomcastError } from "../errors.ts";

/**
 * Returns a fresh token for the signed-in user. The SDK calls it before every connect and before a token expires.
 *
 * After a failure the SDK calls it again later. If that cannot help, because the user is signed out, throw
 * `RoomcastError.of("unauthorized")`: the client's phase becomes `refused`, and only `reconnect` tries again.
 */
export type TokenSource = () => string | Promise<string>;

/** Milliseconds after which a token source that has not answered counts as failed; the client asks again later. */
const ANSWER_MS = 30_000;

export class Tokens {
  readonly #source: TokenSource;
  #pending: Promise<string> | null = null;
  #current = "";
  #giveUp: (reason: RoomcastError) => void = () => {};

  constructor(source: TokenSource) {
    this.#source = source;
  }

  /** The token that was fetched last; empty before the first. */
  get current(): string {
    return this.#current;
  }

  /**
   * Return a fresh token. Calls at the same time share one call of the source.
   *
   * @throws RoomcastError `unavailable`: the source failed, or did not answer in time, or `stop` was called; the
   * source's own RoomcastError as it is
   */
  fetch(): Promise<string> {
    this.#pending ??= this.#ask().finally(() => {
      this.#pending = null;
    });
    return this.#pending;
  }

  /** Reject the pending request, so that its timer does not keep a process alive. */
  stop(): void {
    this.#giveUp(RoomcastError.of("unavailable", "closed"));
  }

  async #ask(): Promise<string> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const givenUp = new Promise<never>((_resolve, reject) => {
      this.#giveUp = reject;
      timer = setTimeout(() => reject(failed("the token source does not answer")), ANSWER_MS);
    });
    try {
      this.#current = await Promise.race([this.#fromSource(), givenUp]);
      return this.#current;
    } finally {
      clearTimeout(timer);
    }
  }

  async #fromSource(): Promise<string> {
    try {
      const token: unknown = await this.#source();
      // Untyped code may return something else, for example `undefined` for a user who is signed out.
      if (typeof token !== "string" || token === "") throw new Error("the token source did not return a text");
      return token;
    } catch (error) {
      throw error instanceof RoomcastError ? error : failed(error);
    }
  }
}

function failed(error: unknown): RoomcastError {
  return RoomcastError.of("unavailable", `no token: ${error instanceof Error ? error.message : String(error)}`);
}
