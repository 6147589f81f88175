import assert from "node:assert/strict";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { describe, it } from "node:test";
import type { Phase } from "../src/connection/connection_state.ts";
import { Connection } from "../src/connection/connection.ts";
import { RoomcastError } from "../src/errors.ts";
import { FAST, gateway, joined, LOBBY, online, open, useGateway } from "./harness.ts";
import { TestGateway, until } from "./test_gateway.ts";
import { TcpProxy, type Fault } from "./tcp_proxy.ts";

useGateway();

/** Replace properties of the global object during one test, to imitate another platform. */
function platform(t: { after: (undo: () => void) => void }, properties: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(properties)) {
    const before = Object.getOwnPropertyDescriptor(globalThis, name);
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
    t.after(() => {
      if (before) Object.defineProperty(globalThis, name, before);
      else Reflect.deleteProperty(globalThis, name);
    });
  }
}

/** A token source that answers when the test calls `give` or `fail`. */
class PendingSource {
  asked = 0;
  give: (token: string) => void = () => {};
  fail: (error: Error) => void = () => {};
  readonly token = () => {
    this.asked += 1;
    return new Promise<string>((resolve, reject) => {
      this.give = resolve;
      this.fail = reject;
    });
  };
}

describe("close", () => {
  it("ignores a token that the source returns afterwards", async () => {
    const source = new PendingSource();
    const client = open({ token: source.token });
    await until(() => source.asked === 1, "the token source is called");
    const phases: Phase[] = [];
    client.onState(({ phase }) => phases.push(phase));
    client.close();
    source.give("late");
    client.reconnect();
    await online();
    assert.deepEqual([phases, source.asked, gateway.tokens.length], [["closed"], 1, 1]);
  });

  it("ignores a failure of the token source afterwards", async () => {
    const source = new PendingSource();
    const client = open({ token: source.token });
    await until(() => source.asked === 1, "the token source is called");
    client.close();
    source.fail(new Error("late"));
    await online();
    assert.deepEqual([client.state.phase, source.asked], ["closed", 1]);
  });

  it("rejects pending calls and later calls at once", async () => {
    const client = open({ token: () => new Promise<string>(() => {}) });
    const waiting = client.call("room:leave", { room: LOBBY });
    client.close();
    await assert.rejects(waiting, { reason: "unavailable" });
    await assert.rejects(client.call("room:leave", { room: LOBBY }), { reason: "unavailable" });
  });
});

describe("the token source", () => {
  it("is called only once while it is pending", async () => {
    const source = new PendingSource();
    const client = open({ token: source.token });
    await until(() => source.asked === 1, "the token source is called");
    client.reconnect();
    source.give("token");
    await until(() => client.state.phase === "online", "online");
    assert.equal(source.asked, 1);
  });

  for (const none of [undefined, null, "", 7, { token: "x" }]) {
    it(`is called again after it returned ${JSON.stringify(none)}`, async () => {
      let asked = 0;
      const client = await online({ token: () => (++asked === 1 ? (none as string) : "token") });
      assert.deepEqual([asked, gateway.tokens], [2, ["token"]]);
      assert.equal(client.state.error, null);
    });
  }

  it("is called again after it threw", async () => {
    let asked = 0;
    const token = () => {
      if (++asked === 1) throw new Error("signed out");
      return "token";
    };
    await online({ token });
    assert.equal(asked, 2);
  });

  it("is not called again after it threw `unauthorized`, until `reconnect` is called", async () => {
    let asked = 0;
    const token = () => {
      if (++asked === 1) throw RoomcastError.of("unauthorized", "signed out");
      return "token";
    };
    const client = open({ token });
    await until(() => client.state.phase === "refused", "refused");
    assert.deepEqual([client.state.error?.reason, client.state.retryAtMs, asked], ["unauthorized", null, 1]);
    client.reconnect();
    await until(() => client.state.phase === "online", "online");
    assert.equal(asked, 2);
  });
});

describe("a url with a path", () => {
  it("is refused, and the error names the option `path`", async () => {
    const client = open({ url: `${gateway.url}/chat` });
    await until(() => client.state.phase === "refused", "refused");
    assert.equal(client.state.error?.reason, "bad_request");
    assert.match(client.state.error.message, /option `path`/);
  });
});

describe("a token that no gateway can read", () => {
  it("counts as refused", async () => {
    const client = open({ token: () => "x".repeat(1_100_000), transports: ["websocket"] });
    await until(() => client.state.phase === "refused", "refused");
    assert.equal(client.state.error?.reason, "unauthorized");
    assert.equal(gateway.tokens.length, 0);
  });
});

describe("a reconnect ticket", () => {
  it("is sent with the next connect, and replaced at each sign-in", async () => {
    const client = await online();
    for (const count of [2, 3]) {
      gateway.cut();
      await until(() => gateway.tickets.length === count && client.state.phase === "online", "online again");
    }
    assert.deepEqual(gateway.tickets, [undefined, "ticket-1", "ticket-2"]);
  });
});

describe("a gateway that drains", () => {
  it("makes the client reconnect after a shorter wait than a lost gateway", async () => {
    const client = await online({ backoff: undefined });
    gateway.io.emit("drain", { within_seconds: 1 });
    await until(() => client.state.draining, "the drain is announced");
    gateway.cut();
    await until(() => client.state.phase === "waiting", "the connection has ended");
    assert.ok(client.state.retryAtMs! - Date.now() <= 200);
    await until(() => client.state.phase === "online", "online again");
    assert.equal(client.state.draining, false);
  });
});

describe("a connection that was refused", () => {
  it("stays closed until `connect` is called", async (t) => {
    let asked = 0;
    const connection = new Connection({ url: gateway.url, token: () => `token ${++asked}`, backoff: FAST });
    t.after(() => connection.close());
    connection.connect();
    await until(() => connection.online, "online");
    connection.refuse(RoomcastError.of("unauthorized"));
    await until(() => gateway.io.of("/").sockets.size === 0, "the gateway sees the end of the connection");
    assert.deepEqual([connection.state.phase, connection.state.error?.reason, asked], ["refused", "unauthorized", 1]);
    connection.connect();
    await until(() => connection.online, "online again");
    assert.equal(asked, 2);
  });
});

describe("a proxy", () => {
  for (const fault of ["swallow-upgrade", "swallow-frames"] satisfies Fault[]) {
    it(`with the fault ${fault} makes the client use polling`, async (t) => {
      const proxy = new TcpProxy(gateway.port, fault);
      t.after(() => proxy.close());
      const url = await proxy.listen();
      const client = await online({ url, websocketOpenMs: 200, readyTimeoutMs: 200 });
      assert.equal([...gateway.io.of("/").sockets.values()].at(-1)?.conn.transport.name, "polling");
      await client.call("presence", {});
    });
  }
});

describe("a server that cannot be reached", () => {
  it("is tried again and again until it can be reached", async (t) => {
    const server = createServer().listen(0, "127.0.0.1");
    await until(() => server.listening, "a free port");
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    const client = open({ url: `http://127.0.0.1:${port}` });
    await until(() => client.state.attempt >= 3, "three attempts");
    assert.equal(client.state.error?.reason, "unavailable");
    const late = await new TestGateway().listen(port);
    t.after(() => late.close());
    await until(() => client.state.phase === "online", "online");
  });
});

describe("the platform", () => {
  it("works as in React Native: a window without events, no document, no crypto, no localStorage", async (t) => {
    platform(t, { window: {}, document: undefined, crypto: undefined, localStorage: undefined });
    const { room } = await joined({ storage: undefined });
    const ids = [room.send({ text: "one" }), room.send({ text: "two" })];
    await until(() => gateway.log.length === 2, "sent");
    assert.match(ids[0]!, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.notEqual(ids[0], ids[1]);
  });

  it("ends the connection at the event `offline`, and reconnects at the event `online`", async (t) => {
    const window = new EventTarget();
    platform(t, { window, document: undefined });
    const client = await online({ backoff: { baseMs: 60_000, maxMs: 60_000 } });
    window.dispatchEvent(new Event("offline"));
    assert.deepEqual(
      [client.state.phase, client.state.error?.message],
      ["waiting", "unavailable: the browser is offline"],
    );
    window.dispatchEvent(new Event("online"));
    assert.equal(client.state.phase, "connecting");
    await until(() => client.state.phase === "online", "online again");
  });

  it("does not reconnect at the event `online` after close", async (t) => {
    const window = new EventTarget();
    platform(t, { window, document: undefined });
    const client = await online();
    client.close();
    window.dispatchEvent(new Event("online"));
    assert.equal(client.state.phase, "closed");
  });
});
