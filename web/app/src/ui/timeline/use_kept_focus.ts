import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import type { Row } from "../../timeline_rows.ts";

/**
 * Keep the keyboard focus in the timeline. When the focused element of a row is removed (the toolbar of a message
 * that was deleted, a draft that was discarded), the browser would move the focus to the body. This hook moves it to
 * the row's message, else to the nearest message, else to the composer.
 *
 * @returns a function that returns the key of the row with the focus, or null if no row has it
 */
export function useKeptFocus(box: { current: HTMLElement | null }, rows: readonly Row[]): () => string | null {
  const kept = useRef<{ key: string; index: number } | null>(null);
  const latest = useRef(rows);
  latest.current = rows;

  useEffect(() => {
    const remember = (event: Event) => {
      const target = event.target as HTMLElement;
      if (target.closest("dialog")) return; // the dialog was opened from the remembered row
      const key = box.current?.contains(target) ? keyOf(target) : null;
      kept.current = key === null ? null : { key, index: latest.current.findIndex((row) => row.key === key) };
    };
    document.addEventListener("focusin", remember);
    document.addEventListener("pointerdown", remember);
    return () => {
      document.removeEventListener("focusin", remember);
      document.removeEventListener("pointerdown", remember);
    };
  }, []);

  useLayoutEffect(() => {
    if (!kept.current || document.activeElement !== document.body) return;
    const place = placeOf(kept.current, rows);
    const target = place
      ? messageOf(box.current, place)
      : document.querySelector<HTMLElement>("[data-testid=composer]");
    target?.focus({ preventScroll: true });
  });
  return () => kept.current?.key ?? null;
}

/** Return the message element of a row, or null while the row is not in the document. */
export function messageOf(box: HTMLElement | null, key: string): HTMLElement | null {
  return box?.querySelector<HTMLElement>(`[data-key="${CSS.escape(key)}"] [data-testid=message]`) ?? null;
}

/** Return the key of the row that an element is in. */
export function keyOf(element: HTMLElement): string | null {
  return element.closest<HTMLElement>("[data-key]")?.dataset.key ?? null;
}

/** Return the key of the remembered row, else of the nearest message before it, else of the first message. */
function placeOf(kept: { key: string; index: number }, rows: readonly Row[]): string | null {
  if (rows.some((row) => row.key === kept.key)) return kept.key;
  const before = rows.slice(0, kept.index + 1).findLast(canFocus);
  return (before ?? rows.find(canFocus))?.key ?? null;
}

function canFocus({ message }: Row): boolean {
  return message.kind !== "system";
}
