/** Follow a browser's network events, so that the client notices a lost network at once and reconnects at once. */

import type { Connection } from "./connection.ts";
import type { Undo } from "../emitter.ts";

/**
 * End the connection when the browser goes offline; connect at once when the browser is online again, or the page is
 * visible again.
 *
 * Does nothing without these events: Node has no `window`, and React Native's `window` has no `addEventListener`.
 */
export function followNetwork(connection: Connection): Undo {
  const hurry = () => void (connection.state.phase === "waiting" && connection.connect());
  const undos = [
    listen("window", "offline", () => connection.interrupt("the browser is offline")),
    listen("window", "online", hurry),
    listen("document", "visibilitychange", () => void (document.visibilityState === "visible" && hurry())),
  ];
  return () => {
    for (const undo of undos) undo();
  };
}

function listen(where: "window" | "document", event: string, listener: () => void): Undo {
  const target = globalThis[where] as Partial<EventTarget> | undefined;
  if (typeof target?.addEventListener !== "function") return () => {};
  target.addEventListener(event, listener);
  return () => target.removeEventListener?.(event, listener);
}
