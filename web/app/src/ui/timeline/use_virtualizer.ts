/** Use TanStack's virtualizer with Preact: only the rows near the visible part of a list are in the document. */

import {
  elementScroll,
  observeElementOffset,
  observeElementRect,
  type VirtualItem,
  Virtualizer,
  type VirtualizerOptions,
} from "@tanstack/virtual-core";
import { useLayoutEffect, useReducer, useState } from "preact/hooks";

export type ListVirtualizer = Virtualizer<HTMLElement, HTMLElement>;
type Given = "observeElementRect" | "observeElementOffset" | "scrollToFn" | "onChange";
export type ListOptions = Omit<VirtualizerOptions<HTMLElement, HTMLElement>, Given>;

/**
 * Return whether a change of a row's height would move the visible rows, so that the scroll position must change, too.
 *
 * The library's own rule ignores a row that is measured again while the reader scrolls up. In this timeline such a row
 * exists: the oldest row loses its author line when older messages of the same author arrive.
 */
function movesReader(row: VirtualItem, _delta: number, list: ListVirtualizer): boolean {
  const top = list.scrollOffset ?? 0;
  return list.itemSizeCache.has(row.key) ? row.end <= top : row.start < top;
}

/** Return a virtualizer that renders the component again whenever the rows in range or their positions change. */
export function useVirtualizer(options: ListOptions): ListVirtualizer {
  const [, render] = useReducer<number, void>((count) => count + 1, 0);
  const complete: VirtualizerOptions<HTMLElement, HTMLElement> = {
    observeElementRect,
    observeElementOffset,
    scrollToFn: elementScroll,
    ...options,
    onChange: () => render(),
  };
  const [virtualizer] = useState(() => {
    const made = new Virtualizer<HTMLElement, HTMLElement>(complete);
    made.shouldAdjustScrollPositionOnItemSizeChange = movesReader;
    return made;
  });
  virtualizer.setOptions(complete);
  useLayoutEffect(() => virtualizer._didMount(), []);
  useLayoutEffect(() => virtualizer._willUpdate());
  return virtualizer;
}
