/** Define the component that provides one connection to all components below it. */

import { createContext, createElement, useContext, useEffect, useState, useSyncExternalStore } from "react";
import type { ReactElement, ReactNode } from "react";
import type { AppTypes, Client, ConnectOptions } from "@roomcast/sdk";
import { Session } from "./session.ts";

const SessionContext = createContext<Session | null>(null);

/** The options of the SDK's `connect`, and the components that use the connection. */
export interface RoomcastProviderProps extends ConnectOptions {
  children?: ReactNode;
}

/**
 * Connect while this component is mounted, in the browser only. The connection closes a second after it is unmounted.
 *
 * The provider reads the options when it connects, except for `token`: it always calls the function of the latest
 * render. To connect as another user or to another address, give the provider another `key`.
 */
export function RoomcastProvider({ children, ...options }: RoomcastProviderProps): ReactElement {
  const [session] = useState(() => new Session(options));
  useEffect(() => session.update(options));
  useEffect(() => session.open(), [session]);
  return createElement(SessionContext.Provider, { value: session }, children);
}

/** Return the session of the nearest provider. */
export function useSession(): Session {
  const session = useContext(SessionContext);
  if (session === null) throw new Error("Roomcast's hooks work only below a <RoomcastProvider>");
  return session;
}

/**
 * Return the client of the nearest provider, for functions that the other hooks do not have; null on a server, and
 * until the provider's first effect has run.
 *
 * `A` declares the types that the application adds, as in the SDK's `connect`.
 */
export function useClient<A extends AppTypes = AppTypes>(): Client<A> | null {
  const session = useSession();
  const client = useSyncExternalStore(session.subscribe, () => session.client, noClient);
  return client as Client<A> | null;
}

function noClient(): null {
  return null;
}
