/** Store one seq per room in the browser's storage. */

import type { RoomId } from "@roomcast/sdk";

const MAX_KEPT = 500;

export type Store = Pick<Storage, "getItem" | "setItem">;

/** Return the seqs stored under `key`; an empty map if the stored text cannot be read. */
export function loadSeqs(storage: Store, key: string): Map<RoomId, number> {
  try {
    const entries: unknown = JSON.parse(storage.getItem(key) ?? "[]");
    return new Map(Array.isArray(entries) ? entries.filter(isEntry) : []);
  } catch {
    return new Map();
  }
}

/** Store the MAX_KEPT entries that were added last. If the browser refuses, they stay in memory only. */
export function saveSeqs(storage: Store, key: string, seqs: ReadonlyMap<RoomId, number>): void {
  try {
    storage.setItem(key, JSON.stringify([...seqs].slice(-MAX_KEPT)));
  } catch {
    // Browsers refuse to store more than about 5 MB per origin. Some store nothing in private windows.
  }
}

function isEntry(entry: unknown): entry is [RoomId, number] {
  return Array.isArray(entry) && typeof entry[0] === "string" && typeof entry[1] === "number";
}
