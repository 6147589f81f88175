import { type PresenceInfo, type Status, type UserId } from "@roomcast/sdk";
/** The presence of some people, and one's own status. */
export interface UsePresence {
    /** What is known about each of the people asked for; `offline` where nothing is. */
    presence: Readonly<Record<UserId, PresenceInfo>>;
    /** One's own status. */
    status: Status;
    /** Set one's own status, and one's note unless it is left out. Rejects with a RoomcastError. */
    setStatus: (status: Status, note?: string) => Promise<void>;
}
/** Follow the presence of these people while the component is mounted, whether or not they are in a common room. */
export declare function usePresence(users?: readonly UserId[]): UsePresence;
