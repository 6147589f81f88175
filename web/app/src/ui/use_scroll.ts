import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { RoomState } from "@roomcast/sdk";
import { useLatest } from "../hooks.ts";

const NEAR_BOTTOM_PX = 60;
const NEAR_TOP_PX = 300;

/**
 * Keeps the timeline where the reader wants it: at its end while they are there, still while older messages are put
 * above, and still while new ones come in below.
 */
export function useScroll(state: RoomState, self: string, loadOlder: () => void) {
  const box = useRef<HTMLDivElement>(null);
  const [atBottom, setAtBottom] = useState(true);
  const [fresh, setFresh] = useState(0);
  const placed = useRef(false);
  const before = useRef({ height: 0, top: 0, firstSeq: 0, lastId: "", stick: true });

  const askedFor = useRef(-1);
  const firstSeq = state.messages[0]?.seq ?? 0;

  /** Older messages are asked for once by themselves; after a failure, by scrolling. */
  const wantOlder = (isScroll: boolean) => {
    if (!placed.current || !state.hasOlder || state.loadingOlder || (!isScroll && askedFor.current === firstSeq))
      return;
    askedFor.current = firstSeq;
    loadOlder();
  };
  const look = useLatest((isScroll: boolean) => {
    const element = box.current;
    if (!element) return;
    // Grown below without having been scrolled up: still at the end.
    const { stick, height, top } = before.current;
    if (stick && element.scrollHeight > height && element.scrollTop >= top) element.scrollTop = element.scrollHeight;
    const left = element.scrollHeight - element.scrollTop - element.clientHeight;
    before.current = {
      ...before.current,
      height: element.scrollHeight,
      top: element.scrollTop,
      stick: left < NEAR_BOTTOM_PX,
    };
    setAtBottom(before.current.stick);
    if (before.current.stick) setFresh(0);
    if (element.scrollTop < NEAR_TOP_PX) wantOlder(isScroll);
  });
  const toBottom = useLatest(() => {
    box.current?.scrollTo({ top: box.current.scrollHeight });
    look(false);
  });

  useLayoutEffect(() => {
    const element = box.current;
    const last = state.messages.at(-1);
    if (!element || !last) return;
    const wasPlaced = placed.current;
    const isNew = last.id !== before.current.lastId;
    const grewAbove = wasPlaced && firstSeq < before.current.firstSeq;
    if (!wasPlaced && state.phase === "joined") {
      placed.current = true;
      before.current.stick = placeFirst(element);
    } else if (grewAbove) {
      element.scrollTop = before.current.top + (element.scrollHeight - before.current.height);
    } else if (before.current.stick || (isNew && last.user === self && last.state !== "sent")) {
      element.scrollTop = element.scrollHeight;
    } else if (isNew && wasPlaced) {
      setFresh((count) => count + 1);
    }
    before.current = { ...before.current, firstSeq, lastId: last.id };
    look(false);
  }, [state.messages, state.typing.length, state.phase, state.loadingOlder]);

  // A smaller window, an opened keyboard, a banner: the end stays in sight.
  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    const observer = new ResizeObserver(() => {
      if (before.current.stick) element.scrollTop = element.scrollHeight;
      look(false);
    });
    observer.observe(element);
    if (element.firstElementChild) observer.observe(element.firstElementChild);
    return () => observer.disconnect();
  }, []);

  return { box, atBottom, fresh, onScroll: () => look(true), toBottom };
}

/** On opening: at the end, or at the line above the unread messages if that is not in sight there. True: at the end. */
function placeFirst(element: HTMLElement): boolean {
  element.scrollTop = element.scrollHeight;
  const line = element.querySelector<HTMLElement>(".unread-line");
  const above = line ? element.getBoundingClientRect().top - line.getBoundingClientRect().top : 0;
  if (above <= 0) return true;
  element.scrollTop -= above + 80;
  return false;
}
