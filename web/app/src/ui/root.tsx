import { useEffect, useMemo, useState } from "preact/hooks";
import { connect, type Client, type ConnectionState, type RoomId } from "@roomcast/sdk";
import { AppContext, type App } from "../app_context.ts";
import { Profiles } from "../profiles.ts";
import { RoomDetails } from "../room_details.ts";
import { RoomList } from "../room_list.ts";
import { useLatest } from "../shared_hooks.ts";
import { hashOfRoom, LOBBY, roomOfHash } from "../route.ts";
import { notifyOf } from "../notifications.ts";
import { StatusNotes } from "../status_notes.ts";
import { UploadQueue } from "../upload_queue.ts";
import { currentToken, loadSession, saveSession, type Session } from "../session.ts";
import { Shell } from "./shell.tsx";
import { SignIn } from "./sign_in.tsx";
import { Splash } from "./splash.tsx";
import { Toasts, useToasts } from "./toasts.tsx";
import { useConnectionNotice } from "./use_connection_notice.ts";

/** The page's root: the sign-in form, or the chat with one client per session. */
export function Root({ storage }: { storage: Storage }) {
  const [session, setSession] = useState(() => loadSession(storage));
  const keep = (next: Session | null) => {
    saveSession(storage, next);
    setSession(next);
  };
  if (!session) return <SignIn onSignedIn={keep} />;
  return (
    <SignedIn
      session={session}
      onRenewed={(next) => saveSession(storage, next)}
      onSignedIn={keep}
      onSignOut={() => keep(null)}
    />
  );
}

interface SignedInProps {
  session: Session;
  onRenewed: (session: Session) => void;
  onSignedIn: (session: Session) => void;
  onSignOut: () => void;
}

function SignedIn({ session, onRenewed, onSignedIn, onSignOut }: SignedInProps) {
  const [, setVersion] = useState(0);
  const [toasts, note] = useToasts();
  const [room, go] = useRoute();
  const client = useClient(session, onRenewed);
  const changed = useLatest(() => setVersion((version) => version + 1));
  const state = useConnection(client);
  const notice = useConnectionNotice(state, session);
  const uploads = useMemo(() => new UploadQueue(client), [client]);
  const signOut = useLatest(() => {
    uploads.stop();
    client.close();
    onSignOut();
  });
  const self = client.self;
  const app = useMemo<App | null>(
    () =>
      self
        ? {
            client,
            rooms: new RoomList(client, localStorage, changed),
            details: new RoomDetails(client),
            notes: new StatusNotes(client),
            profiles: new Profiles(client),
            uploads,
            self,
            go,
            note,
            session,
            signInAgain: onSignedIn,
            signOut,
          }
        : null,
    [client, self?.user, self?.name],
  );
  useEffect(() => app?.rooms.watch(), [app]);
  useEffect(() => notifyOf(client, localStorage, go), [client]);
  return (
    <>
      {app ? (
        <AppContext.Provider value={app}>
          <Shell room={room} connection={state} notice={notice} />
        </AppContext.Provider>
      ) : (
        <Splash state={state} notice={notice} onRetry={() => client.reconnect()} onSignOut={signOut} />
      )}
      <Toasts toasts={toasts} />
    </>
  );
}

function useClient(session: Session, onRenewed: (session: Session) => void): Client {
  const client = useMemo(() => {
    let current = session;
    const keep = (next: Session) => {
      current = next;
      onRenewed(next);
    };
    return connect({ url: location.origin, token: () => currentToken(current, keep) });
  }, [session]);
  useEffect(() => () => client.close(), [client]);
  return client;
}

/** Follow the connection, and show its state on <body> for tests and style sheets. */
function useConnection(client: Client): ConnectionState {
  const [state, setState] = useState(client.state);
  useEffect(() => {
    setState(client.state);
    return client.onState(setState);
  }, [client]);
  useEffect(() => {
    showConnected(state.phase === "online");
    if (state.ready) document.body.dataset.node = String(state.ready.node);
  }, [state]);
  useEffect(() => () => showConnected(false), []);
  return state;
}

function showConnected(connected: boolean): void {
  document.body.dataset.connected = String(connected);
}

function useRoute(): [RoomId, (room: RoomId) => void] {
  const read = () => roomOfHash(location.hash) ?? LOBBY;
  const [room, setRoom] = useState(read);
  useEffect(() => {
    const update = () => setRoom(read());
    window.addEventListener("hashchange", update);
    return () => window.removeEventListener("hashchange", update);
  }, []);
  const go = useLatest((next: RoomId) => {
    location.hash = hashOfRoom(next);
  });
  return [room, go];
}
