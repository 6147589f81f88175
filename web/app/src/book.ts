/** The rooms on show at the side: those the server lists, those opened here, and what is unread in each. */

import { directPeer, type Client, type RoomChange, type RoomId, type RoomState, type UserId } from "@roomcast/sdk";
import { roomTitle, summary } from "./format.ts";
import { LOBBY } from "./route.ts";
import type { HiddenRooms } from "./hidden.ts";
import { countUnread } from "./rows.ts";

export interface RoomEntry {
  id: RoomId;
  title: string;
  kind: "public" | "direct" | "private";
  peer: UserId | null;
  unread: number;
  lastText: string;
  lastTime: number;
}

interface Known {
  name: string | null;
  unread: number;
  lastText: string;
  lastTime: number;
}

const NOTHING: Known = { name: null, unread: 0, lastText: "", lastTime: 0 };
/** Rooms followed live at once; those beyond show what the list says. */
const MAX_LIVE = 40;

export class RoomBook {
  readonly #client: Client;
  readonly #changed: () => void;
  readonly #known = new Map<RoomId, Known>();
  readonly #live = new Set<RoomId>();
  readonly #names = new Map<UserId, string>();
  readonly #hidden: HiddenRooms;
  readonly #baseline = new Map<RoomId, number>();

  constructor(client: Client, hidden: HiddenRooms, changed: () => void) {
    this.#client = client;
    this.#hidden = hidden;
    this.#changed = changed;
    client.onState((state) => {
      if (state.phase === "online") void this.refresh();
    });
    if (client.state.phase === "online") void this.refresh();
    client.on("message", (message) => {
      this.#names.set(message.user, message.name);
      if (!this.#known.has(message.room)) this.open(message.room);
    });
    client.on("room", (event) => this.#roomChanged(event));
  }

  /** Makes a room one of ours and joins it. */
  open(room: RoomId, name: string | null | undefined = null): void {
    this.#hidden.delete(room);
    const known = this.#known.get(room);
    if (!known || (name && known.name !== name))
      this.#known.set(room, { ...(known ?? NOTHING), ...(name ? { name } : {}) });
    this.#follow(room);
  }

  async leave(room: RoomId): Promise<void> {
    this.#known.delete(room);
    this.#live.delete(room);
    this.#hidden.add(room);
    this.#changed();
    await this.#client.room(room).leave();
  }

  nameOf(user: UserId): string {
    return this.#names.get(user) ?? user;
  }

  entries(): RoomEntry[] {
    const open = [...this.#known].filter(([id]) => this.#client.room(id).state.phase !== "refused");
    const all = open.map(([id, known]) => this.#entry(id, known));
    return all.sort((a, b) => b.lastTime - a.lastTime || a.title.localeCompare(b.title));
  }

  entry(id: RoomId): RoomEntry {
    return this.#entry(id, this.#known.get(id) ?? NOTHING);
  }

  async refresh(): Promise<void> {
    this.open(LOBBY);
    const listed = await this.#client.listRooms().catch(() => []);
    // The server lists a public room for as long as it remembers our visit.
    const rooms = listed.filter(({ room }) => !this.#hidden.has(room));
    for (const { room, name, unread, last } of rooms) {
      if (last?.name) this.#names.set(last.user, last.name);
      const lastText = last ? summary(last.text, last.media) : "";
      this.#known.set(room, { name: name ?? null, unread, lastText, lastTime: last?.time ?? 0 });
    }
    for (const { room } of rooms) this.#follow(room);
    this.#changed();
  }

  #follow(room: RoomId): void {
    if (this.#live.has(room)) return;
    if (this.#live.size >= MAX_LIVE && room !== LOBBY) return;
    this.#live.add(room);
    const peer = directPeer(room, this.#client.self?.user ?? "");
    if (peer !== null) this.#client.presence.watch([peer]);
    const handle = this.#client.room(room);
    handle.subscribe((state) => {
      this.#learnNames(state);
      this.#changed();
    });
    handle.join();
    this.#changed();
  }

  #learnNames(state: RoomState): void {
    for (const { user, name } of state.members) if (name) this.#names.set(user, name);
    const last = state.messages.at(-1);
    if (last) this.#names.set(last.user, last.name);
  }

  #roomChanged({ room, change, name }: RoomChange): void {
    if (change === "people") return;
    if (change === "removed" || change === "closed") this.#known.delete(room);
    else this.open(room, name);
    // Whoever stood before the door, or was taken out, comes in.
    if (change === "invited") this.#client.room(room).join();
    this.#changed();
  }

  #entry(id: RoomId, known: Known): RoomEntry {
    const self = this.#client.self?.user ?? "";
    const state = this.#client.room(id).state;
    const isLive = state.phase === "joined";
    const last = state.messages.findLast((message) => !message.deleted);
    const peer = directPeer(id, self);
    return {
      id,
      title: roomTitle(id, known.name, self, (user) => this.nameOf(user)),
      kind: id.startsWith("public:") ? "public" : peer !== null ? "direct" : "private",
      peer,
      unread: isLive ? countUnread(state.messages, self, this.readSeq(id)) : known.unread,
      lastText: last ? this.#lastText(last.user, last.name, self, summary(last.text, last.media)) : known.lastText,
      lastTime: last?.time ?? known.lastTime,
    };
  }

  /**
   * The seq up to which we have read a joined room. Somebody who comes to a public room for the first time has not
   * missed its past; where one was invited or written to, everything is new.
   */
  readSeq(id: RoomId): number {
    const self = this.#client.self?.user ?? "";
    const state = this.#client.room(id).state;
    const known = state.read[self] ?? this.#baseline.get(id);
    if (known !== undefined || state.phase !== "joined") return known ?? 0;
    const start = id.startsWith("public:") ? state.seq : 0;
    this.#baseline.set(id, start);
    return start;
  }

  #lastText(user: UserId, name: string, self: UserId, text: string): string {
    return `${user === self ? "You" : name}: ${text}`;
  }
}
