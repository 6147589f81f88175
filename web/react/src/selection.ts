/** Render a component again when what it has picked from a changing source differs, and not at other changes. */

import { useCallback, useRef, useSyncExternalStore } from "react";
import type { Undo } from "@roomcast/sdk";

/** Something that calls its listeners after every change. */
export interface Source {
  subscribe(listener: () => void): Undo;
}

/**
 * Return what `pick` takes from `source`; `fallback` without a source, and on a server.
 *
 * @param pick returns an object whose fields are compared one by one; the result stays the same object while they do
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
