import { useRef, useState } from "preact/hooks";
import { useLatest } from "../shared_hooks.ts";

export interface Toast {
  id: number;
  text: string;
}

const SHOWN_MS = 4500;

/** Return the short notes to show, and a function that adds a note. A note disappears after SHOWN_MS. */
export function useToasts(): [Toast[], (text: string) => void] {
  const [toasts, setToasts] = useState<Toast[]>([]);
  const count = useRef(0);
  const note = useLatest((text: string) => {
    const id = ++count.current;
    setToasts((now) => [...now.filter((toast) => toast.text !== text), { id, text }].slice(-3));
    setTimeout(() => setToasts((now) => now.filter((toast) => toast.id !== id)), SHOWN_MS);
  });
  return [toasts, note];
}

export function Toasts({ toasts }: { toasts: Toast[] }) {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.map((toast) => (
        <div class="toast" key={toast.id}>
          {toast.text}
        </div>
      ))}
    </div>
  );
}
