"use client";

// react/src/provider.ts
import { createContext, createElement, useContext, useEffect, useState, useSyncExternalStore } from "react";

// react/src/session.ts
import { connect } from "@roomcast/sdk";
var GRACE_MS = 1e3;
var Session = class {
  #connect;
  #listeners = /* @__PURE__ */ new Set();
  #rooms = /* @__PURE__ */ new Map();
  #connection = new Lease(() => this.#close());
  #options;
  #client = null;
  constructor(options, connectTo = connect) {
    this.#options = options;
    this.#connect = connectTo;
  }
  /** The client; null on a server, and before the provider's first effect. */
  get client() {
    return this.#client;
  }
  /** Call `listener` when a client comes or goes. An arrow function, because React calls it without its object. */
  subscribe = (listener) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };
  /** Take over the options of the latest render. The next request for a token uses them; the rest waits for a connect. */
  update(options) {
    this.#options = options;
  }
  /** Connect, and stay connected until the returned function is called. */
  open() {
    if (this.#client === null || this.#client.state.phase === "closed") this.#open();
    return this.#connection.take();
  }
  /** Join a room, and stay in it until the returned function is called. */
  enter(client, id) {
    const known = this.#rooms.get(id);
    const lease = known ?? new Lease(() => this.#leave(client, id));
    this.#rooms.set(id, lease);
    const room = client.room(id);
    const { phase } = room.state;
    if (phase === "idle" || phase === "refused" && !known) room.join();
    return lease.take();
  }
  #open() {
    this.#forgetRooms();
    this.#set(this.#connect({ ...this.#options, token: () => this.#options.token() }));
  }
  #close() {
    this.#client?.close();
    this.#forgetRooms();
    this.#set(null);
  }
  #forgetRooms() {
    for (const lease of this.#rooms.values()) lease.stop();
    this.#rooms.clear();
  }
  /** Leave a room. A message that is still on its way goes first: a gateway takes messages from inside a room only. */
  #leave(client, id) {
    const room = client.room(id);
    const isSending = room.state.messages.some((message) => message.state === "sending");
    if (isSending) return this.#rooms.get(id)?.prolong();
    this.#rooms.delete(id);
    void room.leave();
  }
  #set(client) {
    this.#client = client;
    for (const listener of [...this.#listeners]) listener();
  }
};
var Lease = class {
  #end;
  #users = 0;
  #isStopped = false;
  #timer;
  constructor(end) {
    this.#end = end;
  }
  /** Count one user until the returned function is called. */
  take() {
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
  stop() {
    clearTimeout(this.#timer);
    this.#isStopped = true;
  }
  /** End it later, unless a new user comes meanwhile. */
  prolong() {
    clearTimeout(this.#timer);
    if (!this.#isStopped) this.#timer = setTimeout(this.#end, GRACE_MS);
  }
};

// react/src/provider.ts
var SessionContext = createContext(null);
function RoomcastProvider({ children, ...options }) {
  const [session] = useState(() => new Session(options));
  useEffect(() => session.update(options));
  useEffect(() => session.open(), [session]);
  return createElement(SessionContext.Provider, { value: session }, children);
}
function useSession() {
  const session = useContext(SessionContext);
  if (session === null) throw new Error("Roomcast's hooks work below a <RoomcastProvider> only");
  return session;
}
function useClient() {
  const session = useSession();
  return useSyncExternalStore(session.subscribe, () => session.client, noClient);
}
function noClient() {
  return null;
}

// react/src/use_connection.ts
import { useMemo } from "react";

// react/src/selection.ts
import { useCallback, useRef, useSyncExternalStore as useSyncExternalStore2 } from "react";
function useSelection(source, pick, fallback) {
  const kept = useRef(fallback);
  const subscribe = useCallback((listener) => source?.subscribe(listener) ?? (() => {
  }), [source]);
  const read = () => {
    const next = source ? pick(source) : fallback;
    if (!hasSameFields(kept.current, next)) kept.current = next;
    return kept.current;
  };
  return useSyncExternalStore2(subscribe, read, () => fallback);
}
function hasSameFields(one, other) {
  const names = Object.keys(one);
  if (names.length !== Object.keys(other).length) return false;
  const [left, right] = [one, other];
  return names.every((name) => Object.is(left[name], right[name]));
}

// react/src/use_connection.ts
var NOT_YET = {
  phase: "connecting",
  attempt: 0,
  retryAtMs: null,
  wasOnline: false,
  draining: false,
  error: null,
  ready: null,
  self: null
};
function useConnection() {
  const client = useClient();
  const source = useMemo(() => client && new ClientState(client), [client]);
  const shown = useSelection(source, shownOf, NOT_YET);
  return useMemo(
    () => ({ ...shown, reconnect: () => client?.reconnect(), signOut: async () => client?.signOut() }),
    [shown, client]
  );
}
var ClientState = class {
  client;
  constructor(client) {
    this.client = client;
  }
  subscribe(listener) {
    return this.client.onState(listener);
  }
};
function shownOf({ client }) {
  return { ...client.state, self: client.self };
}

// react/src/use_messages.ts
import { useMemo as useMemo3 } from "react";
import { EMPTY_ROOM as EMPTY_ROOM2 } from "@roomcast/sdk";

// react/src/use_room.ts
import { useEffect as useEffect2, useMemo as useMemo2 } from "react";
import { EMPTY_ROOM, RoomcastError } from "@roomcast/sdk";
var NOBODY = shownOf2({ state: EMPTY_ROOM });
function useRoom(id) {
  const room = useJoinedRoom(id);
  const shown = useSelection(room, shownOf2, NOBODY);
  return useMemo2(
    () => ({
      ...shown,
      room,
      join: () => room?.join(),
      loadMembers: async () => room?.loadMembers()
    }),
    [shown, room]
  );
}
function useJoinedRoom(id) {
  const session = useSession();
  const client = useClient();
  useEffect2(() => client ? session.enter(client, id) : void 0, [session, client, id]);
  return useMemo2(() => client?.room(id) ?? null, [client, id]);
}
function connected(room) {
  if (room === null) throw RoomcastError.of("unavailable", "the provider has not connected yet");
  return room;
}
function shownOf2({ state }) {
  const { phase, error, occupancy, members, moreMembers, gone, read, seq } = state;
  return { phase, error, occupancy, members, moreMembers, gone, read, seq };
}

// react/src/use_messages.ts
var NO_MESSAGES = shownOf3({ state: EMPTY_ROOM2 });
function useMessages(id) {
  const room = useJoinedRoom(id);
  const shown = useSelection(room, shownOf3, NO_MESSAGES);
  const actions = useMemo3(() => actionsOf(room), [room]);
  return useMemo3(() => ({ ...shown, ...actions }), [shown, actions]);
}
function shownOf3({ state }) {
  const { messages, hasOlder, loadingOlder, cut, stale } = state;
  return { messages, hasOlder, loadingOlder, cut, stale };
}
function actionsOf(room) {
  return {
    send: (options) => connected(room).send(options),
    retry: (id) => connected(room).retry(id),
    discard: (id) => connected(room).discard(id),
    edit: async (target, text) => connected(room).edit(target, text),
    remove: async (target) => connected(room).delete(target),
    react: async (target, emoji, on) => connected(room).react(target, emoji, on),
    loadOlder: async () => connected(room).loadOlder(),
    markRead: (seq) => connected(room).markRead(seq)
  };
}

// react/src/use_presence.ts
import { useCallback as useCallback2, useEffect as useEffect3, useMemo as useMemo4 } from "react";
import { RoomcastError as RoomcastError2 } from "@roomcast/sdk";
var OFFLINE = { status: "offline" };
var UNKNOWN = { status: "online" };
var BETWEEN = " ";
function usePresence(users = []) {
  const client = useClient();
  const source = client?.presence ?? null;
  const list = [...new Set(users)].sort().join(BETWEEN);
  useEffect3(() => source && list ? source.watch(list.split(BETWEEN)) : void 0, [source, list]);
  const pick = useCallback2((from) => pickedOf(from, list), [list]);
  const picked = useSelection(source, pick, UNKNOWN);
  return useMemo4(() => {
    const presence = Object.fromEntries(usersOf(list).map((user) => [user, picked[`${BETWEEN}${user}`] ?? OFFLINE]));
    const setStatus = async (status, note) => {
      if (source === null) throw RoomcastError2.of("unavailable", "the provider has not connected yet");
      await source.setStatus(status, note);
    };
    return { presence, status: picked.status, setStatus };
  }, [picked, list, source]);
}
function usersOf(list) {
  return list ? list.split(BETWEEN) : [];
}
function pickedOf(presence, list) {
  const picked = { status: presence.ownStatus };
  for (const user of usersOf(list)) picked[`${BETWEEN}${user}`] = presence.map.get(user) ?? OFFLINE;
  return picked;
}

// react/src/use_typing.ts
import { useMemo as useMemo5 } from "react";
import { EMPTY_ROOM as EMPTY_ROOM3 } from "@roomcast/sdk";
var NO_TYPING = shownOf4({ state: EMPTY_ROOM3 });
function useTyping(id) {
  const room = useJoinedRoom(id);
  const shown = useSelection(room, shownOf4, NO_TYPING);
  return useMemo5(() => ({ ...shown, setTyping: (typing) => room?.setTyping(typing) }), [shown, room]);
}
function shownOf4({ state }) {
  return { typing: state.typing };
}

// react/src/use_upload.ts
import { useCallback as useCallback3, useMemo as useMemo6, useState as useState2 } from "react";
import { RoomcastError as RoomcastError3 } from "@roomcast/sdk";
var NONE = { state: null };
function useUpload(room) {
  const client = useClient();
  const [current, setCurrent] = useState2(null);
  const { state } = useSelection(current, shownOf5, NONE);
  const upload = useCallback3(
    async (file, options) => {
      if (client === null) throw RoomcastError3.of("unavailable", "the provider has not connected yet");
      const started = client.upload(room, file, options);
      setCurrent(started);
      return started.done;
    },
    [client, room]
  );
  return useMemo6(() => ({ state, upload, cancel: () => current?.cancel() }), [state, upload, current]);
}
function shownOf5({ state }) {
  return { state };
}
export {
  RoomcastProvider,
  useClient,
  useConnection,
  useMessages,
  usePresence,
  useRoom,
  useTyping,
  useUpload
};
