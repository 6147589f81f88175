import { useCallback, useEffect, useMemo } from "react";
import { RoomcastError, type Presence, type PresenceInfo, type Status, type UserId } from "@roomcast/sdk";
import type { WatchOptions } from "@roomcast/sdk";
import { useClient } from "./provider.ts";
import { useSelection } from "./selection.ts";

/** The presence of some people, and one's own status. */
export interface UsePresence {
  /** What is known about each of the people asked for; `offline` where nothing is. */
  presence: Readonly<Record<UserId, PresenceInfo>>;
  /** One's own status. */
  status: Status;
  /** One's own note; empty for none. */
  note: string;
  /** When one's own note ends, in milliseconds since the epoch; undefined without an end. */
  until: number | undefined;
  /**
   * Set one's own status, and one's note unless it is left out. The note ends at `until` (milliseconds since the
   * epoch), or has no end without it. Rejects with a RoomcastError.
   */
  setStatus: (status: Status, note?: string, until?: number) => Promise<void>;
}

const OFFLINE: PresenceInfo = { status: "offline" };
const UNKNOWN: Picked = { status: "online", note: "", until: undefined };
/** No user id contains it. */
const BETWEEN = " ";

/** What is one's own under its name, and each person under `BETWEEN` and the id: a flat object can be compared. */
interface Picked {
  status: Status;
  note: string;
  until: number | undefined;
  [user: `${typeof BETWEEN}${string}`]: PresenceInfo;
}

/**
 * Follow the presence of these people while the component is mounted, whether or not they are in a common room. With
 * `devices` also that of each of their devices.
 */
export function usePresence(users: readonly UserId[] = [], { devices = false }: WatchOptions = {}): UsePresence {
  const client = useClient();
  const source = client?.presence ?? null;
  // A list that is written anew at every render asks for the same people.
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
