import { useEffect } from "preact/hooks";

/** Open a dialog over the page. When it goes, the browser gives the focus back to the element that had it before. */
export function useModal(element: { current: HTMLDialogElement | null }): void {
  useEffect(() => {
    // Preact clears the reference before it runs the end of this effect, and removes the element after it.
    const dialog = element.current;
    dialog?.showModal();
    return () => dialog?.close();
  }, []);
}
