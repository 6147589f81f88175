import { useEffect } from "preact/hooks";

/**
 * Open a modal dialog. When it closes, the browser returns the focus to the element that had it before.
 *
 * @param closes whether a click closes the dialog; Escape closes every dialog
 */
export function useModal(element: { current: HTMLDialogElement | null }, closes: (click: MouseEvent) => boolean): void {
  useEffect(() => {
    // Preact sets the reference to null before it calls the function below that undoes this effect.
    const dialog = element.current;
    const onClick = (event: MouseEvent) => closes(event) && dialog?.close();
    dialog?.showModal();
    dialog?.addEventListener("click", onClick);
    return () => {
      dialog?.removeEventListener("click", onClick);
      // The `close` event fires later. Without this line it would close a dialog that has opened in the meantime.
      dialog?.addEventListener("close", (event) => event.stopImmediatePropagation(), { capture: true });
      dialog?.close();
    };
  }, []);
}
