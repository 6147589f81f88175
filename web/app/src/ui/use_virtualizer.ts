/** TanStack's virtualizer for Preact: only the rows near the window of a long list are in the document. */

import {
  elementScroll,
  observeElementOffset,
  observeElementRect,
  Virtualizer,
  type VirtualizerOptions,
} from "@tanstack/virtual-core";
import { useLayoutEffect, useReducer, useState } from "preact/hooks";

export type ListVirtualizer = Virtualizer<HTMLElement, HTMLElement>;
type Given = "observeElementRect" | "observeElementOffset" | "scrollToFn" | "onChange";
export type ListOptions = Omit<VirtualizerOptions<HTMLElement, HTMLElement>, Given>;

/** Return a virtualizer that renders the component again whenever other rows, or other places of rows, are due. */
export function useVirtualizer(options: ListOptions): ListVirtualizer {
  const [, render] = useReducer<number, void>((count) => count + 1, 0);
  const complete: VirtualizerOptions<HTMLElement, HTMLElement> = {
    observeElementRect,
    observeElementOffset,
    scrollToFn: elementScroll,
    ...options,
    onChange: () => render(),
  };
  const [virtualizer] = useState(() => new Virtualizer<HTMLElement, HTMLElement>(complete));
  virtualizer.setOptions(complete);
  useLayoutEffect(() => virtualizer._didMount(), []);
  useLayoutEffect(() => virtualizer._willUpdate());
  return virtualizer;
}
