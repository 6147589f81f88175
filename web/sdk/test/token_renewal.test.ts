/** Tests of the renewal of tokens: the plan with a mocked clock, and the renewal at a live server. */

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { connect, type Client } from "../src/client.ts";
import { ServerClock } from "../src/connection/clock.ts";
import type { Connection } from "../src/connection/connection.ts";
import { TokenRenewal } from "../src/connection/token_renewal.ts";
import { RoomcastError } from "../src/errors.ts";
import { FAST, tokenWith } from "./harness.ts";
import { TestGateway, until } from "./test_gateway.ts";

describe("a token", () => {
  const token = (exp: number, iat: number) => tokenWith({ exp, iat });
  const HOUR_MS = 3_600_000;

  for (const skewMs of [0, HOUR_MS, -HOUR_MS]) {
    it(`is renewed once in its lifetime if the device's clock is ${skewMs / HOUR_MS} h ahead`, async (t) => {
      const serverMs = 1_800_000_000_000;
      t.mock.timers.enable({ apis: ["setTimeout"] });
      t.mock.method(Date, "now", () => serverMs + skewMs);
      let elapsedMs = 0;
      t.mock.method(performance, "now", () => elapsedMs);
      const issued = () => (serverMs + elapsedMs) / 1000;
      const fresh = () => token(issued() + 900, issued());
      const tokens = {
        current: fresh(),
        fetched: 0,
        fetch: async () => {
          tokens.fetched += 1;
          tokens.current = fresh();
          return tokens.current;
        },
      };
      const calls: string[] = [];
      const connection = { online: true, tokens, call: async (event: string) => void calls.push(event) };
      const clock = new ServerClock();
      clock.set(serverMs);
      const renewal = new TokenRenewal(connection as unknown as Connection, clock);
      renewal.start();
      for (; elapsedMs < 2 * HOUR_MS; elapsedMs += 1000) {
        t.mock.timers.tick(1000);
        for (let turn = 0; turn < 5; turn++) await Promise.resolve();
      }
      // A token lasts 900 s and is renewed 30 s before its end.
      assert.deepEqual([tokens.fetched, calls.length], [8, 8]);
      renewal.stop();
    });
  }

  for (const [reason, refusals] of [
    ["unauthorized", ["unauthorized"]],
    ["unavailable", []],
  ] as const) {
    it(`${refusals.length ? "ends the connection" : "is requested again"} if its source throws \`${reason}\``, async (t) => {
      t.mock.timers.enable({ apis: ["setTimeout"] });
      const fetch = t.mock.fn(() => Promise.reject(RoomcastError.of(reason)));
      const refused: string[] = [];
      const connection = {
        online: true,
        tokens: { current: token(900, 0), fetch },
        refuse(error: RoomcastError) {
          refused.push(error.reason);
          this.online = false;
        },
      };
      const clock = new ServerClock();
      clock.set(0);
      const renewal = new TokenRenewal(connection as unknown as Connection, clock);
      renewal.start();
      for (let second = 0; second < 1_800; second++) {
        t.mock.timers.tick(1000);
        for (let turn = 0; turn < 5; turn++) await Promise.resolve();
      }
      renewal.stop();
      assert.deepEqual(refused, refusals);
      assert.equal(fetch.mock.callCount() > 1, refusals.length === 0);
    });
  }

  it("is renewed again, by the expiry of the accepted token, while the server accepts no new one", async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    let elapsedMs = 0;
    t.mock.method(performance, "now", () => elapsedMs);
    const triedMs: number[] = [];
    const connection = {
      online: true,
      tokens: { current: token(900, 0), fetch: async () => token(86_400, 0) },
      call: async () => {
        triedMs.push(elapsedMs);
        throw RoomcastError.of("unavailable");
      },
    };
    const clock = new ServerClock();
    clock.set(0);
    const renewal = new TokenRenewal(connection as unknown as Connection, clock);
    renewal.start();
    while (elapsedMs < 900_000) {
      elapsedMs += 500;
      t.mock.timers.tick(500);
      for (let turn = 0; turn < 8; turn++) await Promise.resolve();
    }
    renewal.stop();
    // The client tries 30 s before the end, then each time after half of the time that is left, but at least after 5 s.
    assert.deepEqual(triedMs, [870_000, 885_000, 892_500, 897_500]);
  });
});

/** The SDK renews a token after 5 s at the earliest, so these tests run at the same time. */
describe("a token at a live server", { concurrency: true }, () => {
  const LIMIT_MS = 30_000;
  const gateway = new TestGateway();
  const clients: Client[] = [];
  const subjectOf = (token: string) => (JSON.parse(atob(token.split(".")[1]!)) as { sub: string }).sub;
  /** Return the numbers of a subject's tokens that arrived by `auth:refresh`. */
  const refreshed = (sub: string) =>
    gateway
      .payloads("auth:refresh")
      .map(({ token }) => JSON.parse(atob((token as string).split(".")[1]!)) as { sub: string; number: number })
      .filter((claims) => claims.sub === sub)
      .map(({ number }) => number);
  const connects = (sub: string) => gateway.tokens.filter((token) => subjectOf(token) === sub).length;

  before(async () => {
    await gateway.listen();
  });
  after(async () => {
    for (const client of clients) client.close();
    await gateway.close();
  });

  /** Return token number `number` of a subject. The first token lasts 10 s, later ones an hour. */
  const token = (sub: string, number: number) => {
    const now = Math.floor(Date.now() / 1000);
    return tokenWith({ sub, number, exp: now + (number === 1 ? 10 : 3_600) });
  };
  const open = (source: () => string) => {
    const client = connect({ url: gateway.url, token: source, backoff: FAST, storage: null });
    clients.push(client);
    return client;
  };

  it("is renewed before its end, and the session goes on", async () => {
    let asked = 0;
    const client = open(() => token("renewed", ++asked));
    await until(() => refreshed("renewed").length === 1, "renewed", LIMIT_MS);
    await client.call("presence", {}); // the server has answered the renewal by then
    assert.deepEqual([refreshed("renewed"), connects("renewed"), client.state.phase], [[2], 1, "online"]);
  });

  it("ends the session if the token source throws `unauthorized`, until `reconnect` is called", async () => {
    let asked = 0;
    const client = open(() => {
      if (++asked === 2) throw RoomcastError.of("unauthorized", "signed out");
      return token("signed out", asked);
    });
    await until(() => client.state.phase === "refused", "refused", LIMIT_MS);
    assert.deepEqual([client.state.error?.reason, client.state.retryAtMs, asked], ["unauthorized", null, 2]);
    client.reconnect();
    await until(() => client.state.phase === "online", "online again", LIMIT_MS);
    assert.deepEqual([refreshed("signed out"), connects("signed out")], [[], 2]);
  });
});
