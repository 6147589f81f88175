import type { ConnectionState } from "@roomcast/sdk";
import { useApp } from "../app_context.ts";
import { explain } from "../error_text.ts";
import type { Notice } from "../connection_notice.ts";
import { plural } from "../format.ts";
import { useNow } from "../shared_hooks.ts";
import { Icon } from "./icons.tsx";

/** The notice about a lost connection: what happened, and when the page tries again. */
export function ConnectionBanner({ state, notice }: { state: ConnectionState; notice: Notice }) {
  const { client, signOut } = useApp();
  if (notice === "none") return null;
  if (notice === "signed-out") {
    return (
      <div class="banner banner-bad" role="alert" data-testid="banner" data-notice={notice}>
        <Icon name="warning" size={18} />
        <span>{signedOutText(state)}</span>
        <button type="button" class="link-button" onClick={signOut}>
          Sign in again
        </button>
      </div>
    );
  }
  return (
    <div class="banner" role="status" data-testid="banner" data-notice={notice}>
      <span class="spinner" />
      <span>
        {notice === "moving" ? "The server is restarting." : "Connection lost."} <Countdown state={state} />
      </span>
      {state.phase === "waiting" && (
        <button type="button" class="link-button" onClick={() => client.reconnect()}>
          Try now
        </button>
      )}
    </div>
  );
}

/** Return why a new sign-in is needed. For `unauthorized` the server names no cause; the usual one is an old token. */
function signedOutText({ error }: ConnectionState): string {
  return error && error.reason !== "unauthorized" && error.reason !== "unavailable"
    ? explain(error)
    : "Your sign-in has expired.";
}

function Countdown({ state }: { state: ConnectionState }) {
  const now = useNow(500);
  const seconds = Math.ceil(((state.retryAtMs ?? now) - now) / 1000);
  if (seconds <= 1) return <>Reconnecting…</>;
  return <>Trying again in {plural(seconds, "second", "seconds")}.</>;
}
