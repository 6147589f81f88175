import { useState } from "react";
import { call, type Me, type Role } from "./backend";

/** The form for a name and a role. In a product, use a password or an identity provider. */
export function SignIn({ onSignedIn }: { onSignedIn: (me: Me) => void }) {
  const [error, setError] = useState("");
  const submit = async (form: FormData) => {
    try {
      const role: Role = form.get("role") === "agent" ? "agent" : "customer";
      onSignedIn(await call<Me>("POST", "/sign-in", { name: form.get("name"), role }));
    } catch (fault) {
      setError((fault as Error).message);
    }
  };
  return (
    <main className="card">
      <h1>Support desk</h1>
      <form action={submit}>
        <label>
          Name <input name="name" required maxLength={60} autoFocus />
        </label>
        <label>
          <input type="radio" name="role" value="customer" defaultChecked /> I need help
        </label>
        <label>
          <input type="radio" name="role" value="agent" /> I am an agent
        </label>
        <button type="submit">Sign in</button>
        {error && <p role="alert">{error}</p>}
      </form>
    </main>
  );
}
