import { useMemo } from "react";
import { NOT_CONNECTED, type Client, type ConnectionState, type UserId } from "@roomcast/sdk";
import { useClient } from "./provider.ts";
import { useSelection, type Source } from "./use_selection.ts";

/** The state of the connection, and the user. */
export interface UseConnection extends ConnectionState {
  /** The signed-in user; null before the first sign-in. */
  self: { user: UserId; name: string } | null;
  /** Connect now: skip the wait before the next attempt, or try again after the server refused the token. */
  reconnect: () => void;
  /** End the connection for good, and delete the user's rooms from the room cache. */
  signOut: () => Promise<void>;
}

type Shown = Omit<UseConnection, "reconnect" | "signOut">;

const NOT_YET: Shown = { ...NOT_CONNECTED, self: null };

/** Follow the connection of the nearest provider. */
export function useConnection(): UseConnection {
  const client = useClient();
  const source = useMemo(() => client && new ClientState(client), [client]);
  const shown = useSelection(source, shownOf, NOT_YET);
  return useMemo(
    () => ({ ...shown, reconnect: () => client?.reconnect(), signOut: async () => client?.signOut() }),
    [shown, client],
  );
}

class ClientState implements Source {
  readonly client: Client;

  constructor(client: Client) {
    this.client = client;
  }

  subscribe(listener: () => void): () => void {
    return this.client.onState(listener);
  }
}

function shownOf({ client }: ClientState): Shown {
  return { ...client.state, self: client.self };
}
