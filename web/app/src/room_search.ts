/** Find rooms by a part of their names. Pure. */

import type { RoomEntry } from "./room_list.ts";

/** Return the rooms whose title contains the text: first the titles that begin with it. Else the order is kept. */
export function matching<E extends Pick<RoomEntry, "title">>(entries: readonly E[], text: string): E[] {
  const wanted = plain(text.trim());
  const found = entries.filter(({ title }) => plain(title).includes(wanted));
  const isFirst = ({ title }: E) => Number(plain(title).startsWith(wanted));
  return found.sort((one, other) => isFirst(other) - isFirst(one));
}

/** Return the text without case and accents. */
function plain(text: string): string {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
}
