/** Keep one client for one provider, and each room joined while a component shows it. Knows nothing of React. */
import { type Client, type ConnectOptions, type RoomId, type Undo } from "@roomcast/sdk";
/** Where a client comes from; `connect` of the SDK, unless a test passes another. */
export type Connect = (options: ConnectOptions) => Client;
export declare class Session {
    #private;
    constructor(options: ConnectOptions, connectTo?: Connect);
    /** The client; null on a server, and before the provider's first effect. */
    get client(): Client | null;
    /** Call `listener` when a client comes or goes. An arrow function, because React calls it without its object. */
    readonly subscribe: (listener: () => void) => Undo;
    /** Take over the options of the latest render. The next request for a token uses them; the rest waits for a connect. */
    update(options: ConnectOptions): void;
    /** Connect, and stay connected until the returned function is called. */
    open(): Undo;
    /** Join a room, and stay in it until the returned function is called. */
    enter(client: Client, id: RoomId): Undo;
}
