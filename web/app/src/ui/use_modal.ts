import { useEffect } from "preact/hooks";

/**
 * Open a dialog over the page. When it goes, the browser gives the focus back to the element that had it before.
 *
 * @param closes whether a click closes the dialog; on the keyboard, Escape does, in every dialog
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
      // The event comes later, and would close the dialog that has taken this one's place.
      dialog?.addEventListener("close", (event) => event.stopImmediatePropagation(), { capture: true });
      dialog?.close();
    };
  }, []);
}
