import { useEffect, useRef } from "preact/hooks";
import type { Room } from "@roomcast/sdk";

const IDLE_MS = 4000;

/** Send the typing indicator while the user presses keys; clear it after a pause. */
export function useTyping(room: Room) {
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const stop = () => {
    clearTimeout(timer.current);
    room.setTyping(false);
  };
  const key = (hasText: boolean) => {
    if (!hasText) return stop();
    clearTimeout(timer.current);
    timer.current = setTimeout(stop, IDLE_MS);
    room.setTyping(true);
  };
  useEffect(() => stop, [room]);
  return { key, stop };
}
