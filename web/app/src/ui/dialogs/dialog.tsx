import type { ComponentChildren } from "preact";
import { useRef } from "preact/hooks";
import { IconButton } from "../icons.tsx";
import { useModal } from "../use_modal.ts";

interface DialogProps {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
}

/** A modal dialog: the browser keeps the focus inside and closes it on Escape. */
export function Dialog({ title, onClose, children }: DialogProps) {
  const element = useRef<HTMLDialogElement>(null);
  useModal(element, isOnBackdrop);
  return (
    <dialog ref={element} class="dialog" aria-labelledby="dialog-title" onClose={onClose}>
      <div class="dialog-body">
        <header>
          <h2 id="dialog-title">{title}</h2>
          <IconButton icon="close" label="Close" onClick={onClose} />
        </header>
        {children}
      </div>
    </dialog>
  );
}

/** Return whether a click is on the backdrop: then its target is the dialog. Other clicks hit the dialog's body. */
function isOnBackdrop(event: MouseEvent): boolean {
  return event.target === event.currentTarget;
}
