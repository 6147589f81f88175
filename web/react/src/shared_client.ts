/** Share one client between all components below a provider. Independent of React. */

import { connect, type Client, type ConnectOptions, type RoomId, type Undo } from "@roomcast/sdk";

/**
 * Milliseconds for which a connection or room stays after its last component is unmounted. StrictMode, Fast Refresh
 * and a change of route unmount a component and mount it again at once.
 */
const GRACE_MS = 1_000;

/** The function that makes a client: `connect` of the SDK, unless a test passes another. */
export type Connect = (options: ConnectOptions) => Client;

/** Connects while a component uses the client, and keeps each room joined while a component shows it. */
export class SharedClient {
  readonly #connect: Connect;
  readonly #listeners = new Set<() => void>();
  readonly #rooms = new Map<RoomId, Lease>();
  readonly #connection = new Lease(() => this.#close());
  #options: ConnectOptions;
  #client: Client | null = null;

  constructor(options: ConnectOptions, connectTo: Connect = connect) {
    this.#options = options;
    this.#connect = connectTo;
  }

  /** The client; null on a server, and before the provider's first effect. */
  get client(): Client | null {
    return this.#client;
  }

  /** Call `listener` when the client is set or removed. React calls this function without `this`. */
  readonly subscribe = (listener: () => void): Undo => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Set the options of the latest render. `token` takes effect at once, the other options at the next connect. */
  update(options: ConnectOptions): void {
    this.#options = options;
  }

  /** Connect, and stay connected until the returned function is called. */
  open(): Undo {
    if (this.#client === null || this.#client.state.phase === "closed") this.#open();
    return this.#connection.take();
  }

  /** Join a room, and stay in it until the returned function is called. */
  enter(client: Client, id: RoomId): Undo {
    const known = this.#rooms.get(id);
    const lease = known ?? new Lease(() => this.#leave(client, id));
    this.#rooms.set(id, lease);
    const room = client.room(id);
    const { phase } = room.state;
    // After a refusal, try again when a component newly shows the room: the user may have been invited meanwhile.
    if (phase === "idle" || (phase === "refused" && !known)) room.join();
    return lease.take();
  }

  #open(): void {
    this.#forgetRooms();
    this.#set(this.#connect({ ...this.#options, token: () => this.#options.token() }));
  }

  #close(): void {
    this.#client?.close();
    this.#forgetRooms();
    this.#set(null);
  }

  #forgetRooms(): void {
    for (const lease of this.#rooms.values()) lease.stop();
    this.#rooms.clear();
  }

  /** Leave a room once its messages are sent: a gateway accepts messages only from clients that have joined. */
  #leave(client: Client, id: RoomId): void {
    const room = client.room(id);
    const isSending = room.state.messages.some((message) => message.state === "sending");
    if (isSending) return this.#rooms.get(id)?.prolong();
    this.#rooms.delete(id);
    void room.leave();
  }

  #set(client: Client | null): void {
    this.#client = client;
    for (const listener of [...this.#listeners]) listener();
  }
}

/** Counts the components that use a connection or room. Calls `end` GRACE_MS after the last one was unmounted. */
class Lease {
  readonly #end: () => void;
  #users = 0;
  #isStopped = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(end: () => void) {
    this.#end = end;
  }

  /** Count one component until the returned function is called. */
  take(): Undo {
    clearTimeout(this.#timer);
    this.#users += 1;
    let isTaken = true;
    return () => {
      if (!isTaken) return;
      isTaken = false;
      this.#users -= 1;
      if (this.#users === 0) this.prolong();
    };
  }

  /** Never call `end` from now on, because the connection or room has ended already. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#isStopped = true;
  }

  /** Call `end` after GRACE_MS, unless a component calls `take` meanwhile. */
  prolong(): void {
    clearTimeout(this.#timer);
    if (!this.#isStopped) this.#timer = setTimeout(this.#end, GRACE_MS);
  }
}
