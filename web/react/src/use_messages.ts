import { useMemo } from "react";
import { EMPTY_ROOM } from "@roomcast/sdk";
import type { AppTypes, EditOptions, MessageData, Room, RoomId, RoomState, SendOptions } from "@roomcast/sdk";
import { useSelection } from "./use_selection.ts";
import { connected, useJoinedRoom } from "./use_room.ts";

type Shown = "messages" | "hasOlder" | "loadingOlder" | "cut" | "stale";

/** The actions on the messages of a room. Each function keeps its identity while the room stays the same. */
export interface MessageActions<A extends AppTypes = AppTypes> {
  /** Write a message; it shows at once as `sending`. Returns the id for `retry` and `discard`. */
  send: (options: SendOptions<MessageData<A>>) => string;
  /** Send a failed message again, under the same id. */
  retry: (id: string) => void;
  /** Forget a message that was not sent. */
  discard: (id: string) => void;
  /**
   * Replace the text of the message `target` (its seq). Pass an object to replace its text, its data or both.
   *
   * Rejects with a RoomcastError, as `remove` and `react` do.
   */
  edit: (target: number, change: string | EditOptions<MessageData<A>>) => Promise<void>;
  /** Delete the message `target` (its seq). */
  remove: (target: number) => Promise<void>;
  /** Add (`on`) or remove the user's reaction to the message `target` (its seq). */
  react: (target: number, emoji: string, on: boolean) => Promise<void>;
  /** Load one page of older messages. */
  loadOlder: () => Promise<void>;
  /** Set the user's read mark to `seq`. */
  markRead: (seq: number) => void;
}

/** The messages of a room, and the actions on them. */
export interface UseMessages<A extends AppTypes = AppTypes>
  extends Pick<RoomState<MessageData<A>>, Shown>,
    MessageActions<A> {}

const NO_MESSAGES = shownOf({ state: EMPTY_ROOM });

/** Join a room as `useRoom` does, and follow its messages: in order, without gaps, unsent messages at the end. */
export function useMessages<A extends AppTypes = AppTypes>(id: RoomId): UseMessages<A> {
  const room = useJoinedRoom<A>(id);
  const shown = useSelection(room, shownOf<A>, NO_MESSAGES as Pick<RoomState<MessageData<A>>, Shown>);
  const actions = useMemo(() => actionsOf(room), [room]);
  return useMemo(() => ({ ...shown, ...actions }), [shown, actions]);
}

function shownOf<A extends AppTypes>({ state }: Pick<Room<A>, "state">): Pick<RoomState<MessageData<A>>, Shown> {
  const { messages, hasOlder, loadingOlder, cut, stale } = state;
  return { messages, hasOlder, loadingOlder, cut, stale };
}

function actionsOf<A extends AppTypes>(room: Room<A> | null): MessageActions<A> {
  return {
    send: (options) => connected(room).send(options),
    retry: (id) => connected(room).retry(id),
    discard: (id) => connected(room).discard(id),
    edit: async (target, change) => connected(room).edit(target, change),
    remove: async (target) => connected(room).delete(target),
    react: async (target, emoji, on) => connected(room).react(target, emoji, on),
    loadOlder: async () => connected(room).loadOlder(),
    markRead: (seq) => connected(room).markRead(seq),
  };
}
