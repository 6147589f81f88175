import { useMemo } from "react";
import { EMPTY_ROOM, type RoomId, type RoomState, type UserId } from "@roomcast/sdk";
import { useSelection } from "./use_selection.ts";
import { useJoinedRoom } from "./use_room.ts";

/** The users who are typing in a room, and a function that reports the user's own typing. */
export interface UseTyping {
  /** The other people who are typing. */
  typing: readonly UserId[];
  /** Report that the user is typing, or has stopped. Call it at every key press; the SDK throttles the events. */
  setTyping: (typing: boolean) => void;
}

const NO_TYPING = shownOf({ state: EMPTY_ROOM });

/** Join a room as `useRoom` does, and follow the users who are typing there. */
export function useTyping(id: RoomId): UseTyping {
  const room = useJoinedRoom(id);
  const shown = useSelection(room, shownOf, NO_TYPING);
  return useMemo(() => ({ ...shown, setTyping: (typing: boolean) => room?.setTyping(typing) }), [shown, room]);
}

function shownOf({ state }: { state: RoomState }): Pick<UseTyping, "typing"> {
  return { typing: state.typing };
}
