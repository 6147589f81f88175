/** Define the context that all components share: the client, caches, the session, and functions of the page. */

import { createContext } from "preact";
import { useContext } from "preact/hooks";
import { RoomcastError, type Client, type RoomId, type UserId } from "@roomcast/sdk";
import type { Profiles } from "./profiles.ts";
import type { RoomDetails } from "./room_details.ts";
import type { RoomList } from "./room_list.ts";
import type { Session } from "./session.ts";
import type { StatusNotes } from "./status_notes.ts";
import type { UploadQueue } from "./uploads.ts";

export interface App {
  client: Client;
  rooms: RoomList;
  details: RoomDetails;
  notes: StatusNotes;
  profiles: Profiles;
  uploads: UploadQueue;
  self: { user: UserId; name: string };
  go: (room: RoomId) => void;
  note: (text: string) => void;
  session: Session;
  /** Replace the session after the same user has signed in again, for example with a new name. */
  signInAgain: (session: Session) => void;
  signOut: () => void;
}

export const AppContext = createContext<App | null>(null);

export function useApp(): App {
  const app = useContext(AppContext);
  if (!app) throw new Error("rendered outside of a session");
  return app;
}

/** Return an error as a sentence for people. */
export function explain(thrown: unknown): string {
  const error = RoomcastError.from(thrown);
  return SENTENCES[error.reason] ?? `That did not work (${error.reason}).`;
}

const SENTENCES: Record<string, string> = {
  bad_request: "The server did not understand this.",
  too_large: "This is too long.",
  not_found: "It does not exist any more.",
  conflict: "It exists already, or has changed meanwhile.",
  unauthorized: "You are not signed in any more.",
  forbidden: "You may not do this here.",
  muted: "You are muted: you can read here, but not write at the moment.",
  banned: "You are banned, and cannot sign in until the ban ends.",
  revoked: "Your session was ended.",
  unavailable: "The server cannot be reached at the moment.",
  outcome_unknown: "The server did not answer in time.",
  rate_limited: "Too fast. Wait a moment and try again.",
  draining: "The server is restarting. Try again in a moment.",
  internal: "Something went wrong on the server.",
  too_many_rooms: "You are in as many rooms as allowed.",
  media_unavailable: "Files cannot be sent at the moment.",
  media_refused: "A file of this type or size is not allowed.",
  upload_incomplete: "The file did not arrive whole.",
  upload_mismatch: "The file is not what it claims to be.",
  upload_expired: "This took too long. Add the file again.",
};
