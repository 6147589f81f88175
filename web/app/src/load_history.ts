/** Load a room's history up to a certain message. */

import type { Room } from "@roomcast/sdk";

/** The most pages to load for one message. By default a room's log has up to 10,000 entries, or 200 pages. */
const MAX_PAGES = 250;

/**
 * Load older pages until the message `seq` is loaded. Return false if the log does not have the message any more, or if
 * `wanted` returns false meanwhile.
 *
 * @throws RoomcastError when a page cannot be loaded
 */
export async function loadUntil(room: Room, seq: number, wanted: () => boolean): Promise<boolean> {
  for (let page = 0; page < MAX_PAGES && wanted(); page++) {
    const { messages, hasOlder, loadingOlder } = room.state;
    if (messages.some((message) => message.seq === seq)) return true;
    if (!hasOlder || (messages[0]?.seq ?? Infinity) <= seq) return false;
    if (loadingOlder) await loaded(room);
    else await room.loadOlder();
  }
  return false;
}

/** Wait until the page under way has been loaded or has failed. */
function loaded(room: Room): Promise<void> {
  return new Promise((resolve) => {
    const undo = room.subscribe((state) => {
      if (state.loadingOlder) return;
      undo();
      resolve();
    });
  });
}
