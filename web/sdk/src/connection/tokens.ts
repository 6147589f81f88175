/** Ask the application's token source: one question at a time, and none that is waited for without end. */

import { RoomcastError } from "../errors.ts";

/** Returns a fresh token for the signed-in user. The SDK calls it before every connect and before a token expires. */
export type TokenSource = () => string | Promise<string>;

/** A token source that does not answer within this time has failed; the client asks again after a pause. */
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
   * Return a fresh token. A call while another one waits shares its answer.
   *
   * @throws RoomcastError `unavailable`: the source failed, or did not answer in time, or `stop` was called
   */
  fetch(): Promise<string> {
    this.#pending ??= this.#ask().finally(() => {
      this.#pending = null;
    });
    return this.#pending;
  }

  /** Give up what is waited for, so that no timer keeps a process alive. */
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
      // JavaScript, or an answer that was not checked: `undefined` for a user who is signed out, for example.
      if (typeof token !== "string" || token === "") throw new Error("the token source returned none");
      return token;
    } catch (error) {
      throw failed(error);
    }
  }
}

function failed(error: unknown): RoomcastError {
  return RoomcastError.of("unavailable", `no token: ${error instanceof Error ? error.message : String(error)}`);
}
