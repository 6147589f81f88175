import { useEffect, useRef, useState } from "preact/hooks";
import { Icon, IconButton, type IconName } from "./icons.tsx";

export interface MenuItem {
  icon: IconName;
  label: string;
  /** The value of `data-testid`, for tests. */
  id: string;
  onPick: () => void;
  /** Whether the choice is destructive. */
  isDanger?: boolean;
}

/** A button with a menu. Arrow keys move the focus; Escape or a click elsewhere closes the menu (ARIA: menu button). */
export function Menu({ label, items, id }: { label: string; items: readonly MenuItem[]; id: string }) {
  const [isOpen, setOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!isOpen) return;
    itemsOf(box.current)[0]?.focus();
    const closeElsewhere = (event: Event) => {
      if (!box.current?.contains(event.target as Node)) setOpen(false);
    };
    document.addEventListener("pointerdown", closeElsewhere);
    document.addEventListener("focusin", closeElsewhere);
    return () => {
      document.removeEventListener("pointerdown", closeElsewhere);
      document.removeEventListener("focusin", closeElsewhere);
    };
  }, [isOpen]);
  const close = () => {
    box.current?.querySelector("button")?.focus();
    setOpen(false);
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.key === "Escape") close();
    else if (!walk(itemsOf(box.current), event.key)) return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div class="menu-box" ref={box}>
      <IconButton
        icon="more"
        label={label}
        aria-haspopup="menu"
        aria-expanded={isOpen}
        onClick={() => setOpen(!isOpen)}
        data-testid={id}
      />
      {isOpen && (
        <div class="menu" role="menu" aria-label={label} tabIndex={-1} onKeyDown={onKey}>
          {items.map(({ icon, label: text, id: itemId, onPick, isDanger }) => (
            <button
              key={itemId}
              type="button"
              role="menuitem"
              tabIndex={-1}
              class={isDanger ? "menu-item bad" : "menu-item"}
              onClick={() => {
                close();
                onPick();
              }}
              data-testid={itemId}
            >
              <Icon name={icon} size={18} /> {text}
            </button>
          ))}
        </div>
      )}
    </div>
  );
}

function itemsOf(box: HTMLElement | null): HTMLElement[] {
  return [...(box?.querySelectorAll<HTMLElement>("[role=menuitem]") ?? [])];
}

/** Move the focus for a key. Return whether the menu handles the key. */
function walk(items: readonly HTMLElement[], key: string): boolean {
  const at = items.indexOf(document.activeElement as HTMLElement);
  const count = items.length;
  const next = { ArrowDown: (at + 1) % count, ArrowUp: (at - 1 + count) % count, Home: 0, End: count - 1 }[key];
  if (next === undefined) return false;
  items[next]?.focus();
  return true;
}
