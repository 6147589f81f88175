/** Provide Preact hooks for the SDK's subscriptions, the time, and media queries. */

import { useEffect, useRef, useState } from "preact/hooks";
import type { Room, RoomState, Undo } from "@roomcast/sdk";

/** Render the component again whenever `subscribe` reports a change. */
export function useChanges(subscribe: (listener: () => void) => Undo, deps: readonly unknown[]): void {
  const [, setCount] = useState(0);
  useEffect(() => {
    const undo = subscribe(() => setCount((count) => count + 1));
    // Something may have changed between the render and this effect.
    setCount((count) => count + 1);
    return undo;
  }, deps as unknown[]);
}

export function useRoom(room: Room): RoomState {
  useChanges((listener) => room.subscribe(listener), [room]);
  return room.state;
}

/** Return the current time, renewed every `everyMs`. */
export function useNow(everyMs: number): number {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}

/** Return a function that stays the same over renders and calls the `run` of the latest render. */
export function useLatest<A extends unknown[], R>(run: (...args: A) => R): (...args: A) => R {
  const latest = useRef(run);
  latest.current = run;
  return useRef((...args: A) => latest.current(...args)).current;
}

export function useMedia(query: string): boolean {
  const [matches, setMatches] = useState(() => matchMedia(query).matches);
  useEffect(() => {
    const list = matchMedia(query);
    const update = () => setMatches(list.matches);
    list.addEventListener("change", update);
    return () => list.removeEventListener("change", update);
  }, [query]);
  return matches;
}
