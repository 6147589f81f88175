import { useState } from "preact/hooks";
import { useApp } from "../../app_context.ts";
import { pictureUrl } from "../../picture_url.ts";
import { signInByName, type SignIn } from "../../session.ts";
import { Avatar, useProfile } from "../avatar.tsx";
import { DisplayName } from "../display_name.tsx";

/** The user's own profile, from the token. If the user has signed in by name, saving a change signs in again. */
export function OwnProfile() {
  const { self, session } = useApp();
  const profile = useProfile(self.user);
  const name = profile?.name ?? self.name;
  return (
    <>
      <div class="person" data-testid="own-profile">
        <Avatar user={self.user} name={name} size="large" />
        <div class="person-text">
          <p class="person-name">
            <DisplayName of={name} fallback={self.user} />
          </p>
          <p class="muted">{self.user}</p>
        </div>
      </div>
      {session.signedIn ? (
        <ProfileForm signedIn={session.signedIn} name={name} picture={profile?.picture ?? ""} />
      ) : (
        <p class="muted">Your name and picture come from where you signed in.</p>
      )}
    </>
  );
}

function ProfileForm({ signedIn, name, picture }: { signedIn: SignIn; name: string; picture: string }) {
  const { self, signInAgain } = useApp();
  const [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const save = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const next = String(form.get("name") ?? "").trim();
    const url = String(form.get("picture") ?? "").trim();
    if (!next) return setError("Please enter a name.");
    if (url && !pictureUrl(url, "")) return setError("A picture is an address that begins with https://.");
    setBusy(true);
    try {
      signInAgain(await signInByName({ ...signedIn, user: self.user, name: next, ...(url ? { picture: url } : {}) }));
    } catch (thrown) {
      setError((thrown as Error).message);
      setBusy(false);
    }
  };
  // The profile may arrive after the dialog has opened. The key then makes a new form, with the profile's values.
  return (
    <form class="stack" onSubmit={save} key={`${name} ${picture}`}>
      <label for="own-name">Name</label>
      <input id="own-name" name="name" class="field" dir="auto" defaultValue={name} maxLength={40} autocomplete="off" />
      <label for="own-picture">Address of your picture</label>
      <input
        id="own-picture"
        name="picture"
        type="url"
        class="field"
        defaultValue={picture}
        maxLength={500}
        placeholder="https://…"
        autocomplete="off"
      />
      <p class="form-error" role="alert">
        {error}
      </p>
      <button type="submit" class="button" disabled={busy}>
        Save name and picture
      </button>
    </form>
  );
}
