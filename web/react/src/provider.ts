/** Define the component that provides one connection to all components below it. */

import { createContext, createElement, useContext, useEffect, useState, useSyncExternalStore } from "react";
import type { ReactElement, ReactNode } from "react";
import type { AppTypes, Client, ConnectOptions } from "@roomcast/sdk";
import { SharedClient } from "./shared_client.ts";

const SharedClientContext = createContext<SharedClient | null>(null);

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
  const [shared] = useState(() => new SharedClient(options));
  useEffect(() => shared.update(options));
  useEffect(() => shared.open(), [shared]);
  return createElement(SharedClientContext.Provider, { value: shared }, children);
}

/** Return the shared client of the nearest provider. */
export function useSharedClient(): SharedClient {
  const shared = useContext(SharedClientContext);
  if (shared === null) throw new Error("Roomcast's hooks work only below a <RoomcastProvider>");
  return shared;
}

/**
 * Return the client of the nearest provider, for functions that the other hooks do not have; null on a server, and
 * until the provider's first effect has run.
 *
 * `A` declares the types that the application adds, as in the SDK's `connect`.
 */
export function useClient<A extends AppTypes = AppTypes>(): Client<A> | null {
  const shared = useSharedClient();
  const client = useSyncExternalStore(shared.subscribe, () => shared.client, noClient);
  return client as Client<A> | null;
}

function noClient(): null {
  return null;
}
