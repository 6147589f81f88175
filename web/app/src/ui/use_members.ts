import { useEffect } from "preact/hooks";
import type { Room } from "@roomcast/sdk";
import { useApp } from "../app.ts";

const REFRESH_MS = 30_000;
const STRANGER_MS = 1000;
const STRANGER_AGAIN_MS = 10_000;

/** Asks again every half minute and soon after somebody not listed shows up. */
export function useFreshMembers(room: Room): void {
  const { client } = useApp();
  useEffect(() => {
    let soon: ReturnType<typeof setTimeout> | undefined;
    const refresh = () => {
      soon = undefined;
      if (room.state.phase === "joined") room.refreshMembers().catch(() => {});
    };
    const askedMs = new Map<string, number>();
    // People of our other rooms show up here too: ask about each of them only now and then.
    const stranger = (user: string) => {
      if (room.state.members.some((member) => member.user === user)) return;
      if (Date.now() - (askedMs.get(user) ?? 0) < STRANGER_AGAIN_MS) return;
      askedMs.set(user, Date.now());
      soon ??= setTimeout(refresh, STRANGER_MS);
    };
    const undos = [
      client.on("presence", ({ changes }) => changes.forEach((change) => stranger(change.user))),
      client.on("message", (message) => message.room === room.id && stranger(message.user)),
    ];
    const timer = setInterval(refresh, REFRESH_MS);
    return () => {
      clearInterval(timer);
      clearTimeout(soon);
      for (const undo of undos) undo();
    };
  }, [room, client]);
}
