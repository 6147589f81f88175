import { useRef } from "preact/hooks";

/** The key code of every key press that an input method handles (UI Events, "keydown and IME"). */
const TAKEN_BY_INPUT_METHOD = 229;

/**
 * Tell whether a key press belongs to an input method, which uses Enter to accept a word. Safari ends the composition
 * before it sends that key press, so `isComposing` alone is not enough.
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
