import { useEffect, useRef, useState } from "preact/hooks";
import type { ConnectionState } from "@roomcast/sdk";
import { MOVE_MS, noticeOf, type Notice } from "../connection_notice.ts";
import { expiryOf, type Session } from "../session.ts";

/** Return the notice about the connection. It is computed anew when the state changes, and after MOVE_MS offline. */
export function useConnectionNotice(state: ConnectionState, session: Session): Notice {
  const aheadMs = useServerClock(state);
  const offlineMs = useOfflineFor(state);
  const expiry = expiryOf(session.token);
  const signIn = { renewable: session.signedIn !== null, expiresAtMs: expiry === null ? null : expiry * 1000 };
  return noticeOf(state, signIn, offlineMs, Date.now() + aheadMs);
}

/** Return by how many milliseconds the server's clock is ahead of this device's; while offline the last known value. */
function useServerClock({ ready }: ConnectionState): number {
  const seen = useRef<{ session: string; aheadMs: number } | null>(null);
  if (ready && ready.session !== seen.current?.session) {
    seen.current = { session: ready.session, aheadMs: ready.server_time - Date.now() };
  }
  return seen.current?.aheadMs ?? 0;
}

/** Return for how many milliseconds the client has been offline; updated on state changes and after MOVE_MS. */
function useOfflineFor(state: ConnectionState): number {
  const isOnline = state.phase === "online";
  const since = useRef<number | null>(null);
  const [, setTurn] = useState(0);
  if (isOnline) since.current = null;
  else since.current ??= Date.now();
  useEffect(() => {
    if (isOnline) return;
    const timer = setTimeout(() => setTurn((turn) => turn + 1), MOVE_MS);
    return () => clearTimeout(timer);
  }, [isOnline]);
  return since.current === null ? 0 : Date.now() - since.current;
}
