/** Keep one client for one provider, and each room joined while a component shows it. Knows nothing of React. */

import { connect, type Client, type ConnectOptions, type RoomId, type Undo } from "@roomcast/sdk";

/**
 * How long a connection or a room outlives its last user. StrictMode, Fast Refresh and a change of route take a
 * component away and put it back at once.
 */
const GRACE_MS = 1_000;

/** Where a client comes from; `connect` of the SDK, unless a test passes another. */
export type Connect = (options: ConnectOptions) => Client;

export class Session {
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

  /** Call `listener` when a client comes or goes. An arrow function, because React calls it without its object. */
  readonly subscribe = (listener: () => void): Undo => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Take over the options of the latest render. The next request for a token uses them; the rest waits for a connect. */
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
    // A room that was refused earlier is asked for again by a component that newly shows it: an invitation may have come.
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

  /** Leave a room. A message that is still on its way goes first: a gateway takes messages from inside a room only. */
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

/** Counts the users of a thing, and ends it some time after the last one has gone. */
class Lease {
  readonly #end: () => void;
  #users = 0;
  #isStopped = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(end: () => void) {
    this.#end = end;
  }

  /** Count one user until the returned function is called. */
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

  /** Do not end it any more: it is gone. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#isStopped = true;
  }

  /** End it later, unless a new user comes meanwhile. */
  prolong(): void {
    clearTimeout(this.#timer);
    if (!this.#isStopped) this.#timer = setTimeout(this.#end, GRACE_MS);
  }
}
