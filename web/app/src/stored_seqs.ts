/** Rooms with a seq each, kept in the browser's storage. */

import type { RoomId } from "@roomcast/sdk";

const MAX_KEPT = 500;

export type Store = Pick<Storage, "getItem" | "setItem">;

/** Return what is stored under `key`; nothing where the stored text is not ours. */
export function loadSeqs(storage: Store, key: string): Map<RoomId, number> {
  try {
    const entries: unknown = JSON.parse(storage.getItem(key) ?? "[]");
    return new Map(Array.isArray(entries) ? entries.filter(isEntry) : []);
  } catch {
    return new Map();
  }
}

/** Store the entries that were added last. A full storage is no reason to fail: the entries live on in memory. */
export function saveSeqs(storage: Store, key: string, seqs: ReadonlyMap<RoomId, number>): void {
  try {
    storage.setItem(key, JSON.stringify([...seqs].slice(-MAX_KEPT)));
  } catch {
    // Storages refuse more than about 5 MB per origin, and everything in some private windows.
  }
}

function isEntry(entry: unknown): entry is [RoomId, number] {
  return Array.isArray(entry) && typeof entry[0] === "string" && typeof entry[1] === "number";
}
