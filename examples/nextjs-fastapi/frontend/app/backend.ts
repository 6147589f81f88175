/** Call the routes of the back end. The types describe its answers. */

export type Role = "customer" | "agent";
export type TicketState = "open" | "solved";

export interface Me {
  id: string;
  name: string;
  role: Role;
  /** The address of the Roomcast cluster. */
  chatUrl: string;
}

export interface Ticket {
  id: string;
  subject: string;
  state: TicketState;
  room: string;
}

export interface Agent {
  id: string;
  name: string;
}

/** The custom events of this application, by name. */
export interface Helpdesk {
  events: { "ticket:state": { ticket: string; state: TicketState } };
}

/** Call a route. Rejects with an Error that a person can read. */
export async function call<T>(method: "GET" | "POST" | "PUT", path: string, body?: unknown): Promise<T> {
  const headers = { "Content-Type": "application/json" };
  const response = await fetch(`/api${path}`, { method, headers, body: body === undefined ? null : JSON.stringify(body) });
  if (!response.ok) throw new Error(await reasonOf(response));
  return response.status === 204 ? (undefined as T) : ((await response.json()) as T);
}

async function reasonOf(response: Response): Promise<string> {
  const { detail } = (await response.json().catch(() => ({}))) as { detail?: unknown };
  return typeof detail === "string" ? detail : `The server answered ${response.status}.`;
}

/** Return the signed-in person; null without a sign-in. */
export async function whoAmI(): Promise<Me | null> {
  const response = await fetch("/api/me");
  return response.ok ? ((await response.json()) as Me) : null;
}

/** Return a token for the chat. The SDK calls this at every connect, and before the token expires. */
export async function chatToken(): Promise<string> {
  return (await call<{ token: string }>("POST", "/chat-token")).token;
}
