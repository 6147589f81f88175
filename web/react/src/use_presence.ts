import { useCallback, useEffect, useMemo } from "react";
import { RoomcastError, type Presence, type PresenceInfo, type Status, type UserId } from "@roomcast/sdk";
import type { WatchOptions } from "@roomcast/sdk";
import { useClient } from "./provider.ts";
import { useSelection } from "./use_selection.ts";

/** The presence of a list of users, and the signed-in user's own status. */
export interface UsePresence {
  /** The presence of each user in the list; `offline` for an unknown user. */
  presence: Readonly<Record<UserId, PresenceInfo>>;
  /** The signed-in user's status. */
  status: Status;
  /** The signed-in user's note; empty for none. */
  note: string;
  /** When this note ends, in milliseconds since 1970; undefined without an end. */
  until: number | undefined;
  /**
   * Set the signed-in user's status and, if `note` is given, the note. The note ends at `until` (milliseconds since
   * 1970); without `until` it has no end. Rejects with a RoomcastError.
   */
  setStatus: (status: Status, note?: string, until?: number) => Promise<void>;
}

const OFFLINE: PresenceInfo = { status: "offline" };
const UNKNOWN: Picked = { status: "online", note: "", until: undefined };
/** The separator between user ids, and the prefix of their keys in `Picked`. No user id contains a space. */
const BETWEEN = " ";

/**
 * The signed-in user's status and note, and each user's presence under the key `BETWEEN` + id. The object is flat,
 * because `useSelection` compares field by field. The prefix keeps a user with the id `status` apart from the status.
 */
interface Picked {
  status: Status;
  note: string;
  until: number | undefined;
  [user: `${typeof BETWEEN}${string}`]: PresenceInfo;
}

/**
 * Follow the presence of these users while the component is mounted, whether or not they share a room. With `devices`,
 * follow each of their devices, too.
 */
export function usePresence(users: readonly UserId[] = [], { devices = false }: WatchOptions = {}): UsePresence {
  const client = useClient();
  const source = client?.presence ?? null;
  // A component may create the list anew at every render. Two strings with the same users are equal; two lists are not.
  const list = [...new Set(users)].sort().join(BETWEEN);
  useEffect(
    () => (source && list ? source.watch(list.split(BETWEEN), { devices }) : undefined),
    [source, list, devices],
  );
  const pick = useCallback((from: Presence) => pickedOf(from, list), [list]);
  const picked = useSelection(source, pick, UNKNOWN);
  return useMemo(() => {
    const presence = Object.fromEntries(usersOf(list).map((user) => [user, picked[`${BETWEEN}${user}`] ?? OFFLINE]));
    const setStatus = async (status: Status, note?: string, until?: number) => {
      if (source === null) throw RoomcastError.of("unavailable", "the provider has not connected yet");
      await source.setStatus(status, note, until);
    };
    return { presence, status: picked.status, note: picked.note, until: picked.until, setStatus };
  }, [picked, list, source]);
}

function usersOf(list: string): UserId[] {
  return list ? list.split(BETWEEN) : [];
}

function pickedOf(presence: Presence, list: string): Picked {
  const picked: Picked = { status: presence.ownStatus, note: presence.ownNote, until: presence.ownUntil };
  for (const user of usersOf(list)) picked[`${BETWEEN}${user}`] = presence.map.get(user) ?? OFFLINE;
  return picked;
}
