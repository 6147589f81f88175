/** Define what all components below the sign-in share: the client, caches, the session, and functions of the page. */

import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Client, RoomId, UserId } from "@roomcast/sdk";
import type { Profiles } from "./profiles.ts";
import type { RoomDetails } from "./room_details.ts";
import type { RoomList } from "./room_list.ts";
import type { Session } from "./session.ts";
import type { StatusNotes } from "./status_notes.ts";
import type { UploadQueue } from "./upload_queue.ts";

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
