/** Show a notification of the system for a mention or a direct message, while the page is not looked at. */

import { directPeer, type Client, type InboxRoom, type RoomId, type Undo } from "@roomcast/sdk";

/** What the user has chosen in this browser. */
export interface NotificationChoice {
  readonly isOn: boolean;
  /** Whether the browser could show notifications if the user wanted. */
  readonly isPossible: boolean;
}

const KEY = "roomcast:notifications";

/** Return what was chosen in this browser, as far as the browser allows it. */
export function notificationChoice(storage: Storage): NotificationChoice {
  const isPossible = "Notification" in globalThis && Notification.permission !== "denied";
  const isOn = isPossible && Notification.permission === "granted" && storage.getItem(KEY) === "on";
  return { isOn, isPossible };
}

/** Turn notifications on or off. The browser asks the user at the first time: call it from an action of the user. */
export async function chooseNotifications(storage: Storage, isOn: boolean): Promise<NotificationChoice> {
  if (isOn && Notification.permission === "default") await Notification.requestPermission();
  storage.setItem(KEY, isOn ? "on" : "off");
  return notificationChoice(storage);
}

/** Return the rooms of which the user is to be notified: a new mention, or a new message in a direct room. Pure. */
export function notable(
  before: ReadonlyMap<RoomId, InboxRoom>,
  rooms: readonly InboxRoom[],
  self: string,
): InboxRoom[] {
  return rooms.filter(({ room, unread, mentions, last }) => {
    if (last === null || last.user === self) return false;
    const known = before.get(room);
    const isDirect = directPeer(room, self) !== null;
    return mentions > (known?.mentions ?? 0) || (isDirect && unread > (known?.unread ?? 0));
  });
}

/** Notify of what is new from now on, until the returned function is called. */
export function notifyOf(client: Client, storage: Storage, go: (room: RoomId) => void): Undo {
  let before: ReadonlyMap<RoomId, InboxRoom> | null = null;
  return client.inbox.subscribe(() => {
    const { phase, rooms } = client.inbox.state;
    if (phase !== "live") return;
    const fresh = before === null ? [] : notable(before, rooms, client.self?.user ?? "");
    // What comes with an older page is not new, but it is known from then on.
    const [oldest] = [...(before?.values() ?? [])].map(({ active }) => active).sort((a, b) => a - b);
    before = new Map(rooms.map((line) => [line.room, line]));
    const isAway = document.visibilityState === "hidden" || !document.hasFocus();
    if (!isAway || !notificationChoice(storage).isOn) return;
    for (const line of fresh) if (line.active >= (oldest ?? 0)) show(line, go);
  });
}

function show({ room, name, last }: InboxRoom, go: (room: RoomId) => void): void {
  const text = last?.text ?? last?.media?.name ?? "";
  const notice = new Notification(`${last?.name} · ${name}`, { body: text, tag: room });
  notice.onclick = () => {
    window.focus();
    go(room);
    notice.close();
  };
}
