/** Repeat work that failed with a retryable error. */

import { backoffMs, type BackoffPolicy } from "./backoff.ts";
import { RoomcastError } from "../errors.ts";

/**
 * Return the result of `work`, tried up to `attempts` times with growing waits in between.
 *
 * @throws RoomcastError the first error that is not retryable, or else the error of the last try; an AbortError once
 * `signal` is aborted
 */
export async function retrying<T>(
  work: () => Promise<T>,
  attempts: number,
  policy: BackoffPolicy,
  signal: AbortSignal,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    throwIfAborted(signal);
    try {
      const result = await work();
      throwIfAborted(signal);
      return result;
    } catch (thrown) {
      throwIfAborted(signal);
      const error = RoomcastError.from(thrown);
      if (!error.retryable || attempt >= attempts) throw error;
      await pause(backoffMs(attempt, Math.random(), policy, error.retryAfterMs), signal);
    }
  }
}

/** Return the reason of an abort. React Native's AbortSignal has neither `reason` nor `throwIfAborted`. */
export function abortReason(signal: AbortSignal): unknown {
  return signal.reason ?? Object.assign(new Error("aborted"), { name: "AbortError" });
}

function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw abortReason(signal);
}

/** Wait for `waitMs` milliseconds, or until `signal` is aborted. */
function pause(waitMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, waitMs);
    signal.addEventListener("abort", end);
  });
}
