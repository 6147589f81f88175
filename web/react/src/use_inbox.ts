import { useEffect, useMemo } from "react";
import { EMPTY_INBOX, type Inbox, type InboxState } from "@roomcast/sdk";
import { useClient } from "./provider.ts";
import { useSelection } from "./use_selection.ts";

/** The user's rooms and their unread counts, the room with the latest activity first. */
export interface UseInbox extends InboxState {
  /** Load the next page of older rooms. Rejects with a RoomcastError. */
  loadMore: () => Promise<void>;
}

/** Follow the user's rooms while at least one component uses them. The rooms need not be joined. */
export function useInbox(): UseInbox {
  const inbox = useClient()?.inbox ?? null;
  useEffect(() => inbox?.follow(), [inbox]);
  const state = useSelection(inbox, stateOf, EMPTY_INBOX);
  return useMemo(() => ({ ...state, loadMore: async () => inbox?.loadMore() }), [state, inbox]);
}

function stateOf({ state }: Inbox): InboxState {
  return state;
}
