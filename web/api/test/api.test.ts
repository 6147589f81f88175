import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError, createApi, type Receipt } from "../src/index.ts";

interface Seen {
  url: string;
  method: string;
  authorization: string | null;
  body: string;
}

/** Return a client whose requests all get this answer, and the list of its requests. */
function answering(status: number, body: unknown) {
  const seen: Seen[] = [];
  const fetch = async (request: Request): Promise<Response> => {
    const { url, method, headers } = request;
    seen.push({ url, method, authorization: headers.get("authorization"), body: await request.text() });
    const text = typeof body === "string" ? body : JSON.stringify(body);
    return new Response(status === 204 ? null : text, { status, headers: { "Content-Type": "application/json" } });
  };
  const api = createApi({ url: "http://api.test/api/", key: "rck_x", fetch: fetch as typeof globalThis.fetch });
  return { api, seen };
}

const receipt: Receipt = { seq: 1, time: 2, epoch: "e", duplicate: false };

test("a publish sends the key and the message, and returns the receipt", async () => {
  const { api, seen } = answering(201, receipt);
  const { data } = await api.POST("/v1/rooms/{room}/messages", {
    params: { path: { room: "public:lobby" } },
    body: { user: "billing", text: "Invoice 17 is paid", id: "invoice-17" },
  });
  assert.deepEqual(data, receipt);
  assert.equal(seen[0]?.url, "http://api.test/api/v1/rooms/public%3Alobby/messages");
  assert.equal(seen[0]?.authorization, "Bearer rck_x");
  assert.deepEqual(JSON.parse(seen[0]?.body ?? ""), { user: "billing", text: "Invoice 17 is paid", id: "invoice-17" });
});

test("a list in a query becomes one parameter per user", async () => {
  const { api, seen } = answering(200, { users: [] });
  await api.GET("/v1/presence", { params: { query: { user: ["ada", "bob"] } } });
  assert.equal(seen[0]?.url, "http://api.test/api/v1/presence?user=ada&user=bob");
});

test("an error answer is thrown with the protocol's code", async () => {
  const { api } = answering(429, {
    code: 302,
    reason: "rate_limited",
    retryable: true,
    detail: "slow down",
    retry_after: 1.5,
    request_id: "r1",
  });
  await assert.rejects(api.GET("/v1/cluster"), (error) => {
    assert.ok(error instanceof ApiError);
    assert.equal(error.message, "slow down");
    assert.deepEqual(
      [error.status, error.code, error.reason, error.retryable, error.retryAfter, error.requestId],
      [429, 302, "rate_limited", true, 1.5, "r1"],
    );
    return true;
  });
});

test("a proxy's 502 without JSON is thrown as a retryable error", async () => {
  const { api } = answering(502, "<html>");
  await assert.rejects(api.GET("/v1/cluster"), { name: "ApiError", status: 502, retryable: true, code: 301 });
});

test("an answer with status 204 has no data", async () => {
  const { api } = answering(204, "");
  const { data } = await api.DELETE("/v1/rooms/{room}", { params: { path: { room: "team:x" } } });
  assert.equal(data, undefined);
});

/** Calls that must not compile. Never called. */
export async function wrong(api: ReturnType<typeof createApi>): Promise<void> {
  // @ts-expect-error there is no such path
  await api.GET("/v1/nothing");
  // @ts-expect-error a message needs a user
  await api.POST("/v1/rooms/{room}/messages", { params: { path: { room: "x" } }, body: { text: "x" } });
  // @ts-expect-error kind is system or text
  await api.POST("/v1/rooms/{room}/messages", { params: { path: { room: "x" } }, body: { user: "a", kind: "loud" } });
}

test("an id that would lead to another route is refused before a request is sent", async () => {
  const { api, seen } = answering(204, "");
  const isRefused = (error: unknown) =>
    error instanceof ApiError && error.reason === "bad_request" && error.status === 400;
  for (const user of [".", "..", "../rooms/team:plans"]) {
    const path = { user };
    await assert.rejects(
      api.POST("/v1/users/{user}/events", { params: { path }, body: { event: "new-order" } }),
      isRefused,
    );
  }
  assert.deepEqual(seen, []);
});
