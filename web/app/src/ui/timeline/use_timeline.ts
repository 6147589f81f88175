import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { RoomState } from "@roomcast/sdk";
import { useLatest } from "../../shared_hooks.ts";
import type { Row } from "../../timeline_rows.ts";
import { estimateHeight } from "./row_height.ts";
import { messageOf } from "./use_kept_focus.ts";
import { useRenderedRows } from "./use_rendered_rows.ts";
import { useVirtualizer, type ListVirtualizer } from "./use_virtualizer.ts";

const NEAR_BOTTOM_PX = 60;
const NEAR_TOP_PX = 600;
/** Heights of the line above the rows and of the typing line below them, in CSS pixels, as in the style sheet. */
const TOP_PX = 56;
const END_PX = 30;
const ABOVE_UNREAD_PX = 80;
const OVERSCAN_ROWS = 10;
const FOUND_MS = 2500;

export interface TimelineView {
  box: Box;
  list: ListVirtualizer;
  atBottom: boolean;
  /** How many messages have arrived since the reader scrolled away from the end. */
  fresh: number;
  /** The key of the row to which the reader has just jumped, for FOUND_MS. */
  found: string | null;
  onScroll: () => void;
  toBottom: () => void;
  /** Bring a row into view and give it the focus. */
  show: (key: string, align: "center" | "auto") => void;
}

type Box = { current: HTMLDivElement | null };

/**
 * Render the rows near the visible part, and keep the scroll position. If the reader is at the end, the timeline stays
 * at the end. Else the visible rows do not move when messages are added above or below.
 */
export function useTimeline(rows: readonly Row[], state: RoomState, self: string, loadOlder: () => void): TimelineView {
  const box = useRef<HTMLDivElement>(null);
  const list = useVirtualizer({
    count: rows.length,
    getScrollElement: () => box.current,
    getItemKey: useMemo(() => (index: number) => rows[index]!.key, [rows]),
    estimateSize: (index) => estimateHeight(rows[index]!),
    rangeExtractor: useRenderedRows(box, rows),
    overscan: OVERSCAN_ROWS,
    paddingStart: TOP_PX,
    paddingEnd: END_PX,
    scrollPaddingStart: ABOVE_UNREAD_PX,
    scrollEndThreshold: NEAR_BOTTOM_PX,
    anchorTo: "end",
    followOnAppend: true,
  });
  const end = useEnd(box, list, state, self);
  const wantOlder = useOlder(box, end.placed, state, loadOlder);
  usePlacing(list, rows, state, end.placed);
  const [found, show] = useShow(box, list, rows);

  useLayoutEffect(() => {
    end.look(false);
    wantOlder(false);
  });
  const onScroll = useLatest(() => {
    end.look(true);
    wantOlder(true);
  });
  return { box, list, atBottom: end.atBottom, fresh: end.fresh, found, onScroll, toBottom: end.toBottom, show };
}

/** Open the timeline at the line above the unread messages; without unread messages, at the end. */
function usePlacing(list: ListVirtualizer, rows: readonly Row[], state: RoomState, placed: { current: boolean }): void {
  useLayoutEffect(() => {
    if (placed.current || state.phase !== "joined" || rows.length === 0) return;
    placed.current = true;
    const unread = rows.findIndex((row) => row.unread);
    if (unread >= 0) list.scrollToIndex(unread, { align: "start" });
    else list.scrollToEnd();
  }, [rows, state.phase]);
}

/** Track whether the reader is at the end. At the end, stay there when the window shrinks; else count new messages. */
function useEnd(box: Box, list: ListVirtualizer, state: RoomState, self: string) {
  const placed = useRef(false);
  const [atBottom, setAtBottom] = useState(true);
  const [fresh, setFresh] = useState(0);
  const last = useRef({ id: "", top: 0, atEnd: true });

  const look = useLatest((isScroll: boolean) => {
    const element = box.current;
    if (!element || !placed.current) return;
    const below = element.scrollHeight - element.scrollTop - element.clientHeight;
    const isAtEnd = below <= NEAR_BOTTOM_PX;
    // The reader leaves the end only by scrolling, not by making the window smaller.
    if (isScroll || isAtEnd) last.current.atEnd = isAtEnd;
    last.current.top = element.scrollTop;
    setAtBottom(last.current.atEnd);
    if (last.current.atEnd) setFresh(0);
  });
  const toBottom = useLatest(() => list.scrollToEnd());

  useLayoutEffect(() => {
    const message = state.messages.at(-1);
    if (!message || message.id === last.current.id) return;
    last.current.id = message.id;
    if (!placed.current || last.current.atEnd) return;
    if (message.user === self && message.state !== "sent") list.scrollToEnd();
    else setFresh((count) => count + 1);
  }, [state.messages]);

  // Keep the end in sight when the window shrinks, the keyboard opens or the draft grows.
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const observer = new ResizeObserver(() => {
      const { atEnd, top } = last.current;
      if (placed.current && atEnd && element.scrollTop >= top - 1) list.scrollToEnd();
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return { placed, atBottom, fresh, look, toBottom };
}

/** Load older messages when the reader is near the top. After a failure, try again when the reader scrolls. */
function useOlder(box: Box, placed: { current: boolean }, state: RoomState, loadOlder: () => void) {
  const askedFor = useRef(-1);
  return useLatest((isScroll: boolean) => {
    const firstSeq = state.messages[0]?.seq ?? 0;
    if (!box.current || !placed.current || box.current.scrollTop >= NEAR_TOP_PX) return;
    if (!state.hasOlder || state.loadingOlder || (!isScroll && askedFor.current === firstSeq)) return;
    askedFor.current = firstSeq;
    loadOlder();
  });
}

/** Bring a row into view, and give it the focus as soon as it is in the document. */
function useShow(box: Box, list: ListVirtualizer, rows: readonly Row[]) {
  const [found, setFound] = useState<string | null>(null);
  const wanted = useRef<string | null>(null);
  const focus = () => {
    const target = wanted.current === null ? null : messageOf(box.current, wanted.current);
    if (!target) return;
    wanted.current = null;
    target.focus({ preventScroll: true });
  };
  useLayoutEffect(focus);
  useEffect(() => {
    if (found === null) return;
    const timer = setTimeout(() => setFound(null), FOUND_MS);
    return () => clearTimeout(timer);
  }, [found]);
  const show = useLatest((key: string, align: "center" | "auto") => {
    const index = rows.findIndex((row) => row.key === key);
    if (index < 0) return;
    wanted.current = key;
    list.scrollToIndex(index, { align });
    if (align === "center") setFound(key);
    focus();
  });
  return [found, show] as const;
}
