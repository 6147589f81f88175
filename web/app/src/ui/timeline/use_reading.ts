import { useEffect, useRef, useState } from "preact/hooks";
import type { Room, RoomState } from "@roomcast/sdk";
import { useApp } from "../../app_context.ts";
import { useLatest } from "../../shared_hooks.ts";
import { countUnread } from "../../timeline_rows.ts";

/**
 * Return the seq after which to show the line above the new messages; null for no line. It is the reader's read mark at
 * the time when the room was opened. Each time the window loses the focus, it becomes the seq of the newest entry.
 */
export function useUnreadAfter(room: Room, state: RoomState): number | null {
  const { rooms, self } = useApp();
  const [awayAt, setAwayAt] = useState<number | null>(null);
  const opened = useRef<number | null | undefined>(undefined);
  // This is decided in the same render as the first messages, so that the timeline can open at the line.
  if (opened.current === undefined && state.phase === "joined") {
    const readSeq = rooms.readSeq(room.id);
    opened.current = countUnread(state.messages, self.user, readSeq) > 0 ? readSeq : null;
  }
  const lookedAway = useLatest(() => setAwayAt(state.seq));
  useEffect(() => {
    window.addEventListener("blur", lookedAway);
    return () => window.removeEventListener("blur", lookedAway);
  }, []);
  return awayAt ?? opened.current ?? null;
}

/** Mark all messages as read while the end of the timeline is in sight and the window has the focus. */
export function useReceipts(room: Room, state: RoomState, atBottom: boolean): void {
  const mark = useLatest(() => {
    if (state.phase === "joined" && atBottom && document.hasFocus() && state.seq > 0) room.markRead(state.seq);
  });
  useEffect(mark, [state.seq, state.phase, atBottom]);
  useEffect(() => {
    window.addEventListener("focus", mark);
    return () => window.removeEventListener("focus", mark);
  }, []);
}
