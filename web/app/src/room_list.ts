/** Keep the room list: the rooms of the inbox and those opened in this tab, with unread counts and last messages. */

import {
  directPeer,
  type Client,
  type InboxRoom,
  type Room,
  type RoomChange,
  type RoomId,
  type RoomState,
  type Undo,
  type UserId,
} from "@roomcast/sdk";
import { roomTitle, summary } from "./format.ts";
import { FirstVisits } from "./first_visits.ts";
import { HiddenRooms } from "./hidden_rooms.ts";
import { JoinedRooms } from "./joined_rooms.ts";
import { isolated } from "./safe_names.ts";
import { LOBBY } from "./route.ts";
import { countUnread } from "./timeline_rows.ts";
import type { Store } from "./stored_seqs.ts";

export type RoomKind = "public" | "direct" | "private";

/** A room's last message and unread counts in the list. */
interface Activity {
  unread: number;
  /** Unread messages that mention the user. */
  mentions: number;
  lastText: string;
  lastTime: number;
}

export interface RoomEntry extends Activity {
  id: RoomId;
  title: string;
  kind: RoomKind;
  peer: UserId | null;
}

interface Known extends Activity {
  name: string | null;
}

const NOTHING: Known = { name: null, unread: 0, mentions: 0, lastText: "", lastTime: 0 };
/** The most rooms joined at once. A connection may join 100; each room costs the gateway and this page memory. */
const MAX_JOINED = 40;
/** Messages to keep of a joined room that is not on show. Above twice this number, the older messages are dropped. */
const KEPT_MESSAGES = 200;

export class RoomList {
  readonly #client: Client;
  readonly #changed: () => void;
  readonly #known = new Map<RoomId, Known>();
  readonly #joined = new JoinedRooms(MAX_JOINED, LOBBY);
  readonly #undos = new Map<RoomId, Undo[]>();
  readonly #names = new Map<UserId, string>();
  /** The inbox lines that the list has applied. */
  readonly #lines = new Map<RoomId, InboxRoom>();
  readonly #hidden: HiddenRooms;
  readonly #visits: FirstVisits;
  #shown: RoomId | null = null;

  constructor(client: Client, storage: Store, changed: () => void) {
    const user = client.self?.user ?? "";
    this.#client = client;
    this.#hidden = new HiddenRooms(storage, user);
    this.#visits = new FirstVisits(storage, user);
    this.#changed = changed;
    client.inbox.subscribe(() => this.#inboxChanged());
    client.on("message", (message) => {
      this.#names.set(message.user, message.name);
      // A message may still arrive from a room that the user has just left. It must not open the room again.
      const isNew = !this.#known.has(message.room) && !this.#hidden.hides(message.room, message.seq);
      if (isNew) this.open(message.room);
    });
    client.on("room", (event) => this.#roomChanged(event));
  }

  /** Open the lobby, and follow the inbox until the returned function is called. */
  watch(): Undo {
    this.open(LOBBY);
    return this.#client.inbox.follow();
  }

  /** Open the room to show, and release the history of the room shown before. */
  show(room: RoomId): void {
    const before = this.#shown;
    this.#shown = room;
    this.open(room);
    if (before !== null && before !== room) this.#client.room(before).releaseHistory(KEPT_MESSAGES);
  }

  /** Put a room on the list and join it. If MAX_JOINED rooms are joined, leave the one used longest ago. */
  open(room: RoomId, name: string | null | undefined = null): void {
    this.#hidden.delete(room);
    this.#learnRoom(room, name);
    this.#follow(room);
  }

  /**
   * Leave a room for good, on all devices. A direct room is only hidden in this browser, until a new entry arrives.
   *
   * @throws RoomcastError the server's refusal; `forbidden` for the owner, who cannot leave
   */
  async leave(room: RoomId): Promise<void> {
    if (this.entry(room).kind !== "direct") await this.#client.admin(room).quit();
    this.#hidden.add(room, this.#client.room(room).state.seq);
    this.#known.delete(room);
    this.#unfollow(room);
    this.#changed();
  }

  nameOf(user: UserId): string {
    return this.#names.get(user) ?? user;
  }

  /** Return the other people whose names this tab has received, sorted by name. */
  people(): { user: UserId; name: string }[] {
    const self = this.#client.self?.user;
    const others = [...this.#names].filter(([user]) => user !== self).map(([user, name]) => ({ user, name }));
    return others.sort((a, b) => a.name.localeCompare(b.name));
  }

  entries(): RoomEntry[] {
    const open = [...this.#known].filter(([id]) => this.#client.room(id).state.phase !== "refused");
    const all = open.map(([id, known]) => this.#entry(id, known));
    return all.sort((a, b) => b.lastTime - a.lastTime || a.title.localeCompare(b.title));
  }

  entry(id: RoomId): RoomEntry {
    return this.#entry(id, this.#known.get(id) ?? NOTHING);
  }

  /** Apply the inbox, load its next page, and join the most recent rooms up to MAX_JOINED. */
  #inboxChanged(): void {
    const { phase, rooms, more } = this.#client.inbox.state;
    if (phase !== "live") return;
    // The server keeps a public room in the inbox after the user has left it.
    const shown = rooms.filter(({ room, seq }) => !this.#hidden.hides(room, seq));
    for (const line of shown) {
      if (this.#lines.get(line.room) === line) continue;
      this.#lines.set(line.room, line);
      this.#learnLine(line);
    }
    for (const { room } of shown) if (!this.#joined.has(room) && !this.#joined.isFull) this.#follow(room);
    if (more) void this.#client.inbox.loadMore().catch(() => {});
    this.#changed();
  }

  /**
   * Return the seq up to which the user has read a joined room. At the first visit to a public room, all its messages
   * count as read; in a room to which the user was invited, all count as unread.
   */
  readSeq(id: RoomId): number {
    const self = this.#client.self?.user ?? "";
    const state = this.#client.room(id).state;
    const known = Object.hasOwn(state.read, self) ? state.read[self] : undefined;
    if (known !== undefined || state.phase !== "joined") return known ?? 0;
    return id.startsWith("public:") ? this.#visits.seqOf(id, state.seq) : 0;
  }

  // --- joining and leaving -------------------------------------------------------------------------------------------

  #follow(room: RoomId): void {
    if (this.#joined.has(room)) return void this.#joined.use(room);
    const evicted = this.#joined.use(room);
    if (evicted !== null) this.#retire(evicted);
    const peer = directPeer(room, this.#client.self?.user ?? "");
    const handle = this.#client.room(room);
    const undos = [handle.subscribe((state) => this.#roomShows(handle, state))];
    if (peer !== null) undos.push(this.#client.presence.watch([peer]));
    this.#undos.set(room, undos);
    handle.join();
    this.#changed();
  }

  /** Leave a room, and keep it on the list with its present unread counts and last message. */
  #retire(room: RoomId): void {
    const known = this.#known.get(room) ?? NOTHING;
    this.#known.set(room, { ...known, ...this.#activity(this.#client.room(room), known) });
    this.#unfollow(room);
  }

  #unfollow(room: RoomId): void {
    this.#forgetJoined(room);
    void this.#client.room(room).leave();
  }

  #forgetJoined(room: RoomId): void {
    this.#joined.delete(room);
    for (const undo of this.#undos.get(room) ?? []) undo();
    this.#undos.delete(room);
  }

  // --- changes from the server ---------------------------------------------------------------------------------------

  #learnRoom(room: RoomId, name: string | null | undefined): void {
    const known = this.#known.get(room);
    if (known && (!name || known.name === name)) return;
    this.#known.set(room, { ...(known ?? NOTHING), ...(name ? { name } : {}) });
    this.#changed();
  }

  #learnLine({ room, name, unread, mentions, last }: InboxRoom): void {
    if (last?.name) this.#names.set(last.user, last.name);
    const peer = directPeer(room, this.#client.self?.user ?? "");
    if (peer !== null && name !== peer) this.#names.set(peer, name);
    const lastText = last ? this.#lastText(last.user, last.name, summary(last.text, last.media)) : "";
    this.#known.set(room, { name, unread, mentions, lastText, lastTime: last?.time ?? 0 });
  }

  #roomShows(room: Room, state: RoomState): void {
    for (const { user, name } of state.members) if (name) this.#names.set(user, name);
    const last = state.messages.at(-1);
    if (last) this.#names.set(last.user, last.name);
    const isTooLong = room.id !== this.#shown && state.messages.length > 2 * KEPT_MESSAGES;
    // Release in a microtask: at this moment the room is still calling its listeners with the present state.
    if (isTooLong) queueMicrotask(() => room.releaseHistory(KEPT_MESSAGES));
    this.#changed();
  }

  #roomChanged({ room, change, name }: RoomChange): void {
    if (change === "people" || change === "banned") return; // after "banned" the server also sends "removed"
    if (change === "removed" || change === "closed") this.#forget(room);
    else if (this.#joined.has(room) || !this.#joined.isFull) this.open(room, name);
    else this.#relist(room, name);
    this.#changed();
  }

  #forget(room: RoomId): void {
    this.#known.delete(room);
    this.#lines.delete(room);
    this.#forgetJoined(room);
  }

  /** Put a changed room on the list without joining it. Its unread counts come with the inbox. */
  #relist(room: RoomId, name: string | undefined): void {
    this.#hidden.delete(room);
    this.#learnRoom(room, name);
  }

  // --- entries to show -----------------------------------------------------------------------------------------------

  #entry(id: RoomId, known: Known): RoomEntry {
    const self = this.#client.self?.user ?? "";
    const peer = directPeer(id, self);
    const activity = this.#joined.has(id) ? this.#activity(this.#client.room(id), known) : known;
    const { unread, mentions, lastText, lastTime } = activity;
    const title = roomTitle(id, known.name, self, (user) => this.nameOf(user));
    const kind = id.startsWith("public:") ? "public" : peer !== null ? "direct" : "private";
    return { id, title, kind, peer, unread, mentions, lastText, lastTime };
  }

  /** Return the activity of a joined room. Until the join is answered, the unread count comes from the list. */
  #activity({ id, state }: Room, known: Known): Activity {
    const last = state.messages.findLast((message) => !message.deleted);
    const self = this.#client.self?.user ?? "";
    return {
      unread: state.phase === "joined" ? countUnread(state.messages, self, this.readSeq(id)) : known.unread,
      mentions: known.mentions,
      lastText: last ? this.#lastText(last.user, last.name, summary(last.text, last.media)) : known.lastText,
      lastTime: last?.time ?? known.lastTime,
    };
  }

  #lastText(user: UserId, name: string, text: string): string {
    if (!text) return "";
    return `${user === this.#client.self?.user ? "You" : isolated(name)}: ${isolated(text)}`;
  }
}
