/** Show a system notification for a mention or a direct message, while the page is hidden or without focus. */

import { directPeer, type Client, type InboxRoom, type RoomId, type Undo } from "@roomcast/sdk";

/** The user's choice in this browser: notifications on or off. */
export interface NotificationChoice {
  readonly isOn: boolean;
  /** Whether the browser supports notifications and the user has not denied them. */
  readonly isPossible: boolean;
}

const KEY = "roomcast:notifications";

/** Return the choice stored in this browser; off without the browser's permission. */
export function notificationChoice(storage: Storage): NotificationChoice {
  const isPossible = "Notification" in globalThis && Notification.permission !== "denied";
  const isOn = isPossible && Notification.permission === "granted" && storage.getItem(KEY) === "on";
  return { isOn, isPossible };
}

/** Turn notifications on or off. Call it from a user's action: the browser asks for permission the first time. */
export async function chooseNotifications(storage: Storage, isOn: boolean): Promise<NotificationChoice> {
  if (isOn && Notification.permission === "default") await Notification.requestPermission();
  storage.setItem(KEY, isOn ? "on" : "off");
  return notificationChoice(storage);
}

/** Return the rooms to notify the user about: those with a new mention, and direct rooms with a new message. Pure. */
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

/** Show notifications for changes of the inbox from now on, until the returned function is called. */
export function notifyOf(client: Client, storage: Storage, go: (room: RoomId) => void): Undo {
  let before: ReadonlyMap<RoomId, InboxRoom> | null = null;
  return client.inbox.subscribe(() => {
    const { phase, rooms } = client.inbox.state;
    if (phase !== "live") return;
    const fresh = before === null ? [] : notable(before, rooms, client.self?.user ?? "");
    // Do not notify about rooms that came with an older page of the inbox: these were active before all known rooms.
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
