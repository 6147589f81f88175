/** Trying again what a retry can mend. */

import { backoffMs, type BackoffPolicy } from "./backoff.ts";
import { RoomcastError } from "./errors.ts";

/**
 * The result of `work`, tried up to `attempts` times with growing waits in between.
 *
 * @throws RoomcastError of the last try, or of the first that no retry can mend; the reason of `signal` once aborted
 */
export async function retrying<T>(
  work: () => Promise<T>,
  attempts: number,
  policy: BackoffPolicy,
  signal?: AbortSignal,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted();
    try {
      const result = await work();
      signal?.throwIfAborted();
      return result;
    } catch (thrown) {
      signal?.throwIfAborted();
      const error = RoomcastError.from(thrown);
      if (!error.retryable || attempt >= attempts) throw error;
      const waitMs = backoffMs(attempt, Math.random(), policy, error.retryAfterMs);
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
  }
}
