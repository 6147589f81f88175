import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { explain } from "../error_text.ts";
import { Pager } from "../pager.ts";

export interface PagedList<T> {
  items: readonly T[];
  hasMore: boolean;
  isLoading: boolean;
  /** A sentence for people; null without an error. */
  error: string | null;
  loadMore: () => void;
}

type State<T> = Omit<PagedList<T>, "loadMore">;

/**
 * Show a list of the SDK page by page. When `deps` change, the list starts again; the old items stay until then.
 *
 * @param begin starts the list; null: there is no list
 */
export function usePagedList<T>(
  begin: () => AsyncGenerator<T, void, undefined> | null,
  size: number,
  deps: readonly unknown[],
): PagedList<T> {
  const [state, setState] = useState<State<T>>({ items: [], hasMore: false, isLoading: true, error: null });
  const current = useRef<Pager<T> | null>(null);

  const load = async (pager: Pager<T>, before: readonly T[]) => {
    setState((shown) => ({ ...shown, isLoading: true, error: null }));
    try {
      const { items, hasMore } = await pager.next();
      if (current.current === pager) setState({ items: [...before, ...items], hasMore, isLoading: false, error: null });
    } catch (thrown) {
      if (current.current === pager)
        setState((shown) => ({ ...shown, hasMore: false, isLoading: false, error: explain(thrown) }));
    }
  };
  // With a layout effect the browser never shows the new `deps` together with the old list.
  useLayoutEffect(() => {
    const source = begin();
    current.current = source && new Pager(source, size);
    if (current.current) void load(current.current, []);
    else setState({ items: [], hasMore: false, isLoading: false, error: null });
    return () => {
      current.current = null;
    };
  }, deps as unknown[]);
  const loadMore = () => {
    if (current.current && !state.isLoading) void load(current.current, state.items);
  };
  return { ...state, loadMore };
}
