import { useState } from "preact/hooks";
import { signInByName, type Session } from "../session.ts";
import { Icon, Logo } from "./icons.tsx";

export function SignIn({ onSignedIn }: { onSignedIn: (session: Session) => void }) {
  const [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);

  const byName = async (event: SubmitEvent) => {
    event.preventDefault();
    const name = fieldOf(event, "name");
    if (!name) return setError("Please enter a name.");
    setBusy(true);
    setError(null);
    try {
      onSignedIn(await signInByName({ name }));
    } catch (thrown) {
      setError((thrown as Error).message);
      setBusy(false);
    }
  };
  const byToken = (event: SubmitEvent) => {
    event.preventDefault();
    const token = fieldOf(event, "token");
    if (token) onSignedIn({ token, signedIn: null });
  };

  return (
    <main class="sign-in">
      <div class="sign-in-card">
        <Logo size={52} />
        <h1>Roomcast</h1>
        <p class="muted">Rooms for talking, in real time.</p>
        <form onSubmit={byName} noValidate>
          <label for="name">Your name</label>
          <input
            id="name"
            name="name"
            class="field"
            data-testid="name-input"
            autocomplete="nickname"
            placeholder="Ada"
            maxLength={40}
            autofocus
            aria-invalid={error !== null}
            aria-describedby="sign-in-error"
          />
          <button type="submit" class="button primary" data-testid="sign-in" disabled={busy}>
            {busy ? "Signing in…" : "Sign in"}
          </button>
        </form>
        <div id="sign-in-error" role="alert">
          {error && (
            <p class="sign-in-error">
              <Icon name="warning" size={18} />
              <span>{error}</span>
            </p>
          )}
        </div>
        <details class="sign-in-token">
          <summary>Sign in with a token</summary>
          <form onSubmit={byToken}>
            <label for="token">Token (JWT)</label>
            <textarea id="token" name="token" class="field" rows={3} spellcheck={false} autocomplete="off" />
            <button type="submit" class="button">
              Use token
            </button>
          </form>
        </details>
      </div>
    </main>
  );
}

function fieldOf(event: SubmitEvent, name: string): string {
  return String(new FormData(event.currentTarget as HTMLFormElement).get(name) ?? "").trim();
}
