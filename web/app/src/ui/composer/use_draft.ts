import { useState } from "preact/hooks";

/** Keep a room's unsent text while another room is shown, and when the tab is reloaded. */
export function useDraft(place: string): [text: string, setText: (text: string) => void] {
  const key = `roomcast:draft:${place}`;
  const [text, setText] = useState(() => sessionStorage.getItem(key) ?? "");
  const keep = (next: string) => {
    setText(next);
    if (next) sessionStorage.setItem(key, next);
    else sessionStorage.removeItem(key);
  };
  return [text, keep];
}
