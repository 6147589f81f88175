import type { ConnectionState } from "@roomcast/sdk";
import { explain } from "../error_text.ts";
import type { Notice } from "../connection_notice.ts";
import { Logo } from "./icons.tsx";

interface SplashProps {
  state: ConnectionState;
  notice: Notice;
  onRetry: () => void;
  onSignOut: () => void;
}

/** The screen before the first `ready`. */
export function Splash({ state, notice, onRetry, onSignOut }: SplashProps) {
  const refused = notice === "signed-out";
  return (
    <main class="sign-in">
      <div class="sign-in-card splash" role="status">
        <Logo size={52} />
        <h1>{refused ? "Not signed in" : "Connecting…"}</h1>
        <p class="muted">{refused ? refusalText(state) : waitingText(state)}</p>
        {!refused && <span class="spinner" />}
        {(refused || state.error) && (
          <div class="row">
            {!refused && (
              <button type="button" class="button" onClick={onRetry}>
                Try now
              </button>
            )}
            <button type="button" class={refused ? "button primary" : "button"} onClick={onSignOut}>
              {refused ? "Sign in again" : "Sign out"}
            </button>
          </div>
        )}
      </div>
    </main>
  );
}

function waitingText({ error }: ConnectionState): string {
  return error && error.reason !== "unauthorized" ? explain(error) : "One moment.";
}

function refusalText({ error }: ConnectionState): string {
  return error?.reason === "revoked"
    ? explain(error)
    : "You are not signed in: the token is not valid, or has expired.";
}
