import type { ConnectionState } from "@roomcast/sdk";
import { explain, useApp } from "../app.ts";
import { plural } from "../format.ts";
import { useNow } from "../hooks.ts";
import { Icon } from "./icons.tsx";

/** Says when the connection is gone, and what happens about it. */
export function Banner({ state }: { state: ConnectionState }) {
  const { client, signOut } = useApp();
  if (state.phase === "online") return null;
  if (state.phase === "refused") {
    return (
      <div class="banner banner-bad" role="alert" data-testid="banner">
        <Icon name="warning" size={18} />
        <span>{state.error ? explain(state.error) : "You were signed out."}</span>
        <button class="link-button" onClick={signOut}>
          Sign in again
        </button>
      </div>
    );
  }
  return (
    <div class="banner" role="status" data-testid="banner">
      <span class="spinner" />
      <span>
        Connection lost. <Countdown state={state} />
      </span>
      {state.phase === "waiting" && (
        <button class="link-button" onClick={() => client.reconnect()}>
          Try now
        </button>
      )}
    </div>
  );
}

function Countdown({ state }: { state: ConnectionState }) {
  const now = useNow(500);
  const seconds = Math.ceil(((state.retryAtMs ?? now) - now) / 1000);
  if (seconds <= 1) return <>Reconnecting…</>;
  return <>Trying again in {plural(seconds, "second", "seconds")}.</>;
}
