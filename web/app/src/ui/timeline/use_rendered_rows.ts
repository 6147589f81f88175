import { defaultRangeExtractor, type Range } from "@tanstack/virtual-core";
import { useEffect, useRef } from "preact/hooks";
import type { Row } from "../../timeline_rows.ts";
import { keyOf, useKeptFocus } from "./use_kept_focus.ts";

const PLAYER_EVENTS = ["play", "pause", "ended"];

/**
 * Return a function that chooses the rows to render: the rows near the visible part, the row with the keyboard focus,
 * and the rows that play audio or video.
 */
export function useRenderedRows(
  box: { current: HTMLElement | null },
  rows: readonly Row[],
): (range: Range) => number[] {
  const focused = useKeptFocus(box, rows);
  const playing = useRef(new Set<string>());
  useEffect(() => {
    const element = box.current;
    const note = (event: Event) => {
      const key = keyOf(event.target as HTMLElement);
      if (key === null) return;
      if (event.type === "play") playing.current.add(key);
      else playing.current.delete(key);
    };
    // Media events do not bubble, but they can be captured.
    for (const event of PLAYER_EVENTS) element?.addEventListener(event, note, true);
    return () => {
      for (const event of PLAYER_EVENTS) element?.removeEventListener(event, note, true);
    };
  }, []);
  return (range) => {
    const shown = defaultRangeExtractor(range);
    const keys = new Set(playing.current);
    const key = focused();
    if (key !== null) keys.add(key);
    if (keys.size === 0) return shown;
    const pinned = rows.flatMap((row, index) => (keys.has(row.key) ? [index] : []));
    return [...new Set([...shown, ...pinned])].sort((a, b) => a - b);
  };
}
