/** Start a server before every test of a file; close the server and the test's clients after the test. */

import { afterEach, beforeEach } from "node:test";
import { connect, type Client, type ConnectOptions } from "../src/client.ts";
import type { Room } from "../src/room.ts";
import { TestGateway, until } from "./test_gateway.ts";

export const FAST = { baseMs: 20, maxMs: 60 };
export const LOBBY = "public:lobby";

/** The server of the running test. */
export let gateway: TestGateway;
let clients: Client[];

/** Register the hooks that set `gateway`. Call it once per test file, at the top. */
export function useGateway(): void {
  beforeEach(async () => {
    gateway = await new TestGateway().listen();
    clients = [];
  });
  afterEach(async () => {
    for (const client of clients) client.close();
    await gateway.close();
  });
}

export function open(options: Partial<ConnectOptions> = {}): Client {
  const base = { url: gateway.url, token: () => "token", backoff: FAST, resend: FAST, storage: null, pageSize: 3 };
  const client = connect({ ...base, ...options });
  clients.push(client);
  return client;
}

export async function online(options: Partial<ConnectOptions> = {}): Promise<Client> {
  const client = open(options);
  await until(() => client.state.phase === "online", "online");
  return client;
}

export async function joined(options: Partial<ConnectOptions> = {}): Promise<{ client: Client; room: Room }> {
  const client = open(options);
  const room = client.room(LOBBY);
  room.join();
  await until(() => room.state.phase === "joined", "joined");
  return { client, room };
}

/** Return a token with these claims. Its signature is not valid, but the test server accepts every token. */
export function tokenWith(claims: unknown): string {
  return `x.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.y`;
}

export const texts = (room: Room) => room.state.messages.map(({ text }) => text);
