import { useEffect, useMemo } from "react";
import { EMPTY_ROOM, RoomcastError } from "@roomcast/sdk";
import type { AppTypes, Room, RoomId, RoomState } from "@roomcast/sdk";
import { useClient, useSharedClient } from "./provider.ts";
import { useSelection } from "./use_selection.ts";

/** The state of a room without its messages; `useMessages` returns the messages. */
export interface UseRoom<A extends AppTypes = AppTypes> extends Pick<RoomState, Shown> {
  /** The SDK's room, for functions that hooks do not have; null on a server and until the provider's first effect. */
  room: Room<A> | null;
  /** Try again to join, after a refusal. */
  join: () => void;
  /** Load the next page of a long list of members. */
  loadMembers: () => Promise<void>;
}

type Shown = "phase" | "error" | "occupancy" | "members" | "moreMembers" | "gone" | "read" | "seq";

const NOBODY = shownOf({ state: EMPTY_ROOM });

/**
 * Join a room while at least one component uses it, and follow its state and members.
 *
 * A second after the last component is unmounted, the hook sends unsent messages and leaves the room.
 */
export function useRoom<A extends AppTypes = AppTypes>(id: RoomId): UseRoom<A> {
  const room = useJoinedRoom<A>(id);
  const shown = useSelection(room, shownOf, NOBODY);
  return useMemo(
    () => ({
      ...shown,
      room,
      join: () => room?.join(),
      loadMembers: async () => room?.loadMembers(),
    }),
    [shown, room],
  );
}

/** Return a room that stays joined while the component is mounted. */
export function useJoinedRoom<A extends AppTypes = AppTypes>(id: RoomId): Room<A> | null {
  const shared = useSharedClient();
  const client = useClient<A>();
  useEffect(() => (client ? shared.enter(client, id) : undefined), [shared, client, id]);
  return useMemo(() => client?.room(id) ?? null, [client, id]);
}

/** Return the room; throw `unavailable` if an event handler runs before the provider has connected. */
export function connected<A extends AppTypes>(room: Room<A> | null): Room<A> {
  if (room === null) throw RoomcastError.of("unavailable", "the provider has not connected yet");
  return room;
}

function shownOf({ state }: { state: Pick<RoomState, Shown> }): Pick<RoomState, Shown> {
  const { phase, error, occupancy, members, moreMembers, gone, read, seq } = state;
  return { phase, error, occupancy, members, moreMembers, gone, read, seq };
}
