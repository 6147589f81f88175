import { type Room, type RoomId, type RoomState } from "@roomcast/sdk";
/** A room without its messages: `useMessages` has those. */
export interface UseRoom extends Pick<RoomState, Shown> {
    /** The SDK's object, for everything else; null on a server, and until the provider's first effect. */
    room: Room | null;
    /** Try again to enter, after a refusal. */
    join: () => void;
    /** Load the next page of a long list of members. */
    loadMembers: () => Promise<void>;
}
type Shown = "phase" | "error" | "occupancy" | "members" | "moreMembers" | "gone" | "read" | "seq";
/**
 * Join a room while at least one component uses it, and follow who is there.
 *
 * The room is left a second after the last component that uses it has gone; unsent messages go first.
 */
export declare function useRoom(id: RoomId): UseRoom;
/** Return a room that stays joined while the component is mounted. */
export declare function useJoinedRoom(id: RoomId): Room | null;
/** Return the room; throw where an event handler runs before the provider has connected. */
export declare function connected(room: Room | null): Room;
export {};
