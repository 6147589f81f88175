import type { ConnectionState, UserId } from "@roomcast/sdk";
/** The state of the connection, and the user. */
export interface UseConnection extends ConnectionState {
    /** The signed-in user; null before the first sign-in. */
    self: {
        user: UserId;
        name: string;
    } | null;
    /** Connect now instead of after a wait, or again after the server refused the token. */
    reconnect: () => void;
    /** End the connection for good, and forget the rooms that this browser keeps of the user. */
    signOut: () => Promise<void>;
}
/** Follow the connection of the nearest provider. */
export declare function useConnection(): UseConnection;
