import { useMemo } from "react";
import { EMPTY_ROOM, type Room, type RoomId, type RoomState, type SendOptions } from "@roomcast/sdk";
import { useSelection } from "./selection.ts";
import { connected, useJoinedRoom } from "./use_room.ts";

type Shown = "messages" | "hasOlder" | "loadingOlder" | "cut" | "stale";

/** What one can do with the messages of a room. Each function stays the same while the room does. */
export interface MessageActions {
  /** Write a message; it shows at once as `sending`. Returns the id for `retry` and `discard`. */
  send: (options: SendOptions) => string;
  /** Send a failed message again, under the same id. */
  retry: (id: string) => void;
  /** Forget a message that was not sent. */
  discard: (id: string) => void;
  /** Replace the text of the message `target` (its seq). Rejects with a RoomcastError, as `remove` and `react` do. */
  edit: (target: number, text: string) => Promise<void>;
  /** Delete the message `target` (its seq). */
  remove: (target: number) => Promise<void>;
  /** Add (`on`) or take back one's reaction to the message `target` (its seq). */
  react: (target: number, emoji: string, on: boolean) => Promise<void>;
  /** Load one page of older messages. */
  loadOlder: () => Promise<void>;
  /** Say that the user has read everything up to `seq`. */
  markRead: (seq: number) => void;
}

/** The messages of a room, and what one can do with them. */
export interface UseMessages extends Pick<RoomState, Shown>, MessageActions {}

const NO_MESSAGES = shownOf({ state: EMPTY_ROOM });

/** Join a room as `useRoom` does, and follow its messages: in order, without gaps, unsent ones at the end. */
export function useMessages(id: RoomId): UseMessages {
  const room = useJoinedRoom(id);
  const shown = useSelection(room, shownOf, NO_MESSAGES);
  const actions = useMemo(() => actionsOf(room), [room]);
  return useMemo(() => ({ ...shown, ...actions }), [shown, actions]);
}

function shownOf({ state }: { state: RoomState }): Pick<RoomState, Shown> {
  const { messages, hasOlder, loadingOlder, cut, stale } = state;
  return { messages, hasOlder, loadingOlder, cut, stale };
}

function actionsOf(room: Room | null): MessageActions {
  return {
    send: (options) => connected(room).send(options),
    retry: (id) => connected(room).retry(id),
    discard: (id) => connected(room).discard(id),
    edit: async (target, text) => connected(room).edit(target, text),
    remove: async (target) => connected(room).delete(target),
    react: async (target, emoji, on) => connected(room).react(target, emoji, on),
    loadOlder: async () => connected(room).loadOlder(),
    markRead: (seq) => connected(room).markRead(seq),
  };
}
