/** Give the components below it one connection. */
import type { ReactElement, ReactNode } from "react";
import type { Client, ConnectOptions } from "@roomcast/sdk";
import { Session } from "./session.js";
/** What `connect` of the SDK takes, and the components that use the connection. */
export interface RoomcastProviderProps extends ConnectOptions {
    children?: ReactNode;
}
/**
 * Connect while this component is mounted, in the browser only. The connection closes a second after it is unmounted.
 *
 * The options are read when it connects, except for `token`: the function of the latest render is called. To connect
 * as another user or to another address, give the provider another `key`.
 */
export declare function RoomcastProvider({ children, ...options }: RoomcastProviderProps): ReactElement;
/** Return the session of the nearest provider. */
export declare function useSession(): Session;
/**
 * Return the client of the nearest provider, for what the other hooks do not offer.
 *
 * It is null on a server and until the provider's first effect has run.
 */
export declare function useClient(): Client | null;
