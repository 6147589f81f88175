import { useEffect } from "preact/hooks";

/**
 * Open a modal dialog. When it closes, the browser returns the focus to the element that had it before.
 *
 * @param closes whether a click closes the dialog; Escape closes every dialog
 */
export function useModal(element: { current: HTMLDialogElement | null }, closes: (click: MouseEvent) => boolean): void {
  useEffect(() => {
    // Preact clears the reference before it runs the end of this effect, and removes the element after it.
    const dialog = element.current;
    const onClick = (event: MouseEvent) => closes(event) && dialog?.close();
    dialog?.showModal();
    dialog?.addEventListener("click", onClick);
    return () => {
      dialog?.removeEventListener("click", onClick);
      // The event fires later, and would close the next dialog.
      dialog?.addEventListener("close", (event) => event.stopImmediatePropagation(), { capture: true });
      dialog?.close();
    };
  }, []);
}
