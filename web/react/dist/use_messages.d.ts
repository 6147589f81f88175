import { type RoomId, type RoomState, type SendOptions } from "@roomcast/sdk";
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
export interface UseMessages extends Pick<RoomState, Shown>, MessageActions {
}
/** Join a room as `useRoom` does, and follow its messages: in order, without gaps, unsent ones at the end. */
export declare function useMessages(id: RoomId): UseMessages;
export {};
