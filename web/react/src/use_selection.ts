/** Render a component again only when the values that it uses from a source have changed. */

import { useCallback, useRef, useSyncExternalStore } from "react";
import type { Undo } from "@roomcast/sdk";

/** An object that calls its listeners after every change. */
export interface Source {
  subscribe(listener: () => void): Undo;
}

/**
 * Return the result of `pick` for `source`; `fallback` without a source, and on a server.
 *
 * @param pick returns an object whose fields are compared one by one; while they are equal, the old object is returned
 */
export function useSelection<S extends Source, T extends object>(
  source: S | null,
  pick: (source: S) => T,
  fallback: T,
): T {
  const kept = useRef(fallback);
  const subscribe = useCallback((listener: () => void) => source?.subscribe(listener) ?? (() => {}), [source]);
  const read = () => {
    const next = source ? pick(source) : fallback;
    if (!hasSameFields(kept.current, next)) kept.current = next;
    return kept.current;
  };
  return useSyncExternalStore(subscribe, read, () => fallback);
}

function hasSameFields(one: object, other: object): boolean {
  const names = Object.keys(one);
  if (names.length !== Object.keys(other).length) return false;
  const [left, right] = [one as Record<string, unknown>, other as Record<string, unknown>];
  return names.every((name) => Object.is(left[name], right[name]));
}
