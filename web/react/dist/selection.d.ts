/** Render a component again when what it has picked from a changing source differs, and not at other changes. */
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
export declare function useSelection<S extends Source, T extends object>(source: S | null, pick: (source: S) => T, fallback: T): T;
