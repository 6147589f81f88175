import type { ConnectionState } from "@roomcast/sdk";
import { explain } from "../app.ts";
import { Logo } from "./icons.tsx";

/** Before the first `ready`. */
export function Splash({
  state,
  onRetry,
  onSignOut,
}: {
  state: ConnectionState;
  onRetry: () => void;
  onSignOut: () => void;
}) {
  const refused = state.phase === "refused";
  return (
    <main class="sign-in">
      <div class="sign-in-card splash" role="status">
        <Logo size={52} />
        {refused ? <h1>Not signed in</h1> : <h1>Connecting…</h1>}
        <p class="muted">
          {state.error && (refused || state.error.reason !== "unauthorized") ? explain(state.error) : "One moment."}
        </p>
        {!refused && <span class="spinner" />}
        {state.error && (
          <div class="row">
            {!refused && (
              <button class="button" onClick={onRetry}>
                Try now
              </button>
            )}
            <button class={refused ? "button primary" : "button"} onClick={onSignOut}>
              {refused ? "Sign in again" : "Sign out"}
            </button>
          </div>
        )}
      </div>
    </main>
  );
}
