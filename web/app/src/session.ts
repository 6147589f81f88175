/** Keep the sign-in of this tab. The token is stored per tab, so that two tabs can be signed in as two users. */

import type { UserId } from "@roomcast/sdk";

export interface Session {
  token: string;
  /** The input of a sign-in by name, with which the page can renew the token; null for a pasted token. */
  signedIn: SignIn | null;
}

/** The input of the sign-in by name: a name, and the user id if the user has signed in before. */
export interface SignIn {
  name: string;
  user?: UserId;
  /** An https URL; if absent, the person keeps the old picture. */
  picture?: string;
}

const KEY = "roomcast:session";
const RENEW_BEFORE_SECONDS = 90;

export class SignInError extends Error {}

export function loadSession(storage: Storage): Session | null {
  try {
    const session = JSON.parse(storage.getItem(KEY) ?? "null") as Partial<Session> | null;
    return typeof session?.token === "string" ? { token: session.token, signedIn: session.signedIn ?? null } : null;
  } catch {
    return null;
  }
}

export function saveSession(storage: Storage, session: Session | null): void {
  if (session) storage.setItem(KEY, JSON.stringify(session));
  else storage.removeItem(KEY);
}

/** Sign in by name, if the server offers that. Throws SignInError with a text for people. */
export async function signInByName(signIn: SignIn): Promise<Session> {
  const response = await fetch("/dev/login", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(signIn),
  }).catch(() => null);
  if (!response) throw new SignInError("The server cannot be reached. Is it running?");
  if (response.ok) {
    const { token, user } = (await response.json()) as { token: string; user: UserId };
    return { token, signedIn: { ...signIn, user } };
  }
  throw new SignInError(refusalText(response.status));
}

/** Return the token for a connect: the stored token, or a new token if the stored one expires soon and is renewable. */
export async function currentToken(session: Session, keep: (session: Session) => void): Promise<string> {
  const left = (expiryOf(session.token) ?? Infinity) - Date.now() / 1000;
  if (left > RENEW_BEFORE_SECONDS || session.signedIn === null) return session.token;
  const renewed = await signInByName(session.signedIn);
  keep(renewed);
  return renewed.token;
}

function refusalText(status: number): string {
  if (status === 404 || status === 405 || status === 403) {
    return "Sign-in by name is switched off on this server. It exists for local use only; sign in with a token instead.";
  }
  if (status === 400 || status === 422) return "This name cannot be used. Try letters, digits and spaces.";
  if (status === 429) return "Too many sign-ins at the moment. Try again in a few seconds.";
  if (status >= 502) return "The gateway is not there yet. Try again in a few seconds.";
  return `Sign-in failed (status ${status}).`;
}

/** Return the `exp` of a JWT in seconds since the epoch; null when it has none. */
export function expiryOf(token: string): number | null {
  try {
    const payload = (token.split(".")[1] ?? "").replace(/-/g, "+").replace(/_/g, "/");
    const { exp } = JSON.parse(atob(payload)) as { exp?: unknown };
    return typeof exp === "number" ? exp : null;
  } catch {
    return null;
  }
}
