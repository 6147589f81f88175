/**
 * Keep the last state of rooms in IndexedDB, so that a page shows them at once and offline.
 *
 * The cache is a convenience: if the browser refuses it (a private window, a full disk), rooms show nothing until they
 * are joined.
 */

import type { KeptRoom } from "./cached_room.ts";
import type { RoomId, UserId } from "./protocol/ids.ts";

/** The user whose rooms to keep in this browser, and how many rooms and entries. */
export interface RoomCacheOptions {
  /**
   * The id of the user whom the token will name. The cache shows nothing to any other user. Messages written before the
   * first sign-in of a page are stored for this user, and are not sent as any other user.
   */
  user: UserId;
  /** The most rooms of all users in this browser; default 50. Above it, the room saved longest ago is deleted. */
  maxRooms?: number;
  /** The most log entries per room; default 100. A room takes at most about 200 kB. */
  maxMessages?: number;
}

interface Row {
  user: UserId;
  room: RoomId;
  savedAtMs: number;
  kept: KeptRoom;
}

const DATABASE = "roomcast";
const ROOMS = "rooms";
const BY_TIME = "savedAtMs";
const SAVE_AFTER_MS = 500;

export class RoomCache {
  readonly user: UserId;
  readonly maxMessages: number;
  readonly #maxRooms: number;
  readonly #database: Promise<IDBDatabase | null>;
  readonly #waiting = new Map<RoomId, () => KeptRoom | null>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;

  constructor(options: RoomCacheOptions) {
    this.user = options.user;
    this.maxMessages = Math.max(1, options.maxMessages ?? 100);
    this.#maxRooms = Math.max(1, options.maxRooms ?? 50);
    this.#database = opened().catch(() => null);
  }

  /** Return the kept state of a room; null if there is none. */
  async load(room: RoomId): Promise<KeptRoom | null> {
    const row = await this.#run<Row | undefined>("readonly", (rooms) => rooms.get([this.user, room]));
    return this.#isClosed ? null : (row?.kept ?? null);
  }

  /** After SAVE_AFTER_MS, write the state that `take` then returns: one write for all changes within that time. */
  save(room: RoomId, take: () => KeptRoom | null): void {
    if (this.#isClosed) return;
    this.#waiting.set(room, take);
    this.#timer ??= setTimeout(() => this.#flush(), SAVE_AFTER_MS);
  }

  /** Delete one room. Call it for a room that this user may not see any more. */
  async forget(room: RoomId): Promise<void> {
    if (this.#isClosed) return;
    this.#waiting.delete(room);
    await this.#run("readwrite", (rooms) => rooms.delete([this.user, room]));
  }

  /** Write the pending rooms, and write no room afterwards. */
  close(): void {
    this.#flush();
    this.#isClosed = true;
  }

  /** Delete all rooms of this user, and write no room afterwards. */
  async clear(): Promise<void> {
    this.#isClosed = true;
    this.#waiting.clear();
    clearTimeout(this.#timer);
    await this.#run("readwrite", (rooms) => rooms.delete(IDBKeyRange.bound([this.user], [this.user, []])));
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const savedAtMs = Date.now();
    for (const [room, take] of this.#waiting) {
      const kept = take();
      const row = kept && ({ user: this.user, room, savedAtMs, kept } satisfies Row);
      if (row) void this.#run("readwrite", (rooms) => this.#put(rooms, row));
    }
    this.#waiting.clear();
  }

  #put(rooms: IDBObjectStore, row: Row): IDBRequest {
    const request = rooms.put(row);
    const count = rooms.count();
    count.onsuccess = () => deleteOldest(rooms, count.result - this.#maxRooms);
    return request;
  }

  /** Run one transaction to its end; return undefined if the browser refuses it. */
  async #run<T>(mode: IDBTransactionMode, work: (rooms: IDBObjectStore) => IDBRequest): Promise<T | undefined> {
    const database = await this.#database;
    if (!database) return undefined;
    return new Promise((resolve) => {
      try {
        const transaction = database.transaction(ROOMS, mode);
        const request = work(transaction.objectStore(ROOMS));
        transaction.oncomplete = () => resolve(request.result as T);
        transaction.onabort = () => resolve(undefined);
      } catch {
        resolve(undefined); // this connection was closed because another tab deletes the database
      }
    });
  }
}

function deleteOldest(rooms: IDBObjectStore, count: number): void {
  if (count <= 0) return;
  let left = count;
  const request = rooms.index(BY_TIME).openCursor();
  request.onsuccess = () => {
    if (!request.result || left-- === 0) return;
    request.result.delete();
    request.result.continue();
  };
}

function opened(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = globalThis.indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => {
      const rooms = request.result.createObjectStore(ROOMS, { keyPath: ["user", "room"] });
      rooms.createIndex(BY_TIME, BY_TIME);
    };
    request.onsuccess = () => {
      // Close this connection so that another tab can delete the database.
      request.result.onversionchange = () => request.result.close();
      resolve(request.result);
    };
    request.onerror = () => reject(request.error);
  });
}
