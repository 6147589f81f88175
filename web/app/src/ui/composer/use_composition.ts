import { useRef } from "preact/hooks";

/** The key code of a key press that an input method handles (UI Events, section "keydown and IME"). */
const TAKEN_BY_INPUT_METHOD = 229;

/**
 * Return event handlers, and a function that tells whether an input method handles a key press: it uses Enter to accept
 * a word. Safari sets `isComposing` to false before it sends that key press, so the key code is compared, too.
 */
export function useComposition() {
  const composing = useRef(false);
  const set = (value: boolean) => {
    composing.current = value;
  };
  return {
    onCompositionStart: () => set(true),
    onCompositionEnd: () => set(false),
    takes: (event: KeyboardEvent) => composing.current || event.isComposing || event.keyCode === TAKEN_BY_INPUT_METHOD,
  };
}
