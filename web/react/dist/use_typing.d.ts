import { type RoomId, type UserId } from "@roomcast/sdk";
/** Who types in a room, and a function to say that one does. */
export interface UseTyping {
    /** The other people who are typing. */
    typing: readonly UserId[];
    /** Say that the user is typing, or has stopped. Call it at every key press; what goes out is throttled. */
    setTyping: (typing: boolean) => void;
}
/** Join a room as `useRoom` does, and follow who is typing there. */
export declare function useTyping(id: RoomId): UseTyping;
