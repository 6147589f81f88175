import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { backoffMs, parseRetryAfter } from "../src/connection/backoff.ts";

const POLICY = { baseMs: 100, maxMs: 1000 };

describe("backoff", () => {
  it("doubles with each attempt up to a bound, and half of it is random", () => {
    assert.deepEqual([backoffMs(0, 0, POLICY), backoffMs(0, 1, POLICY)], [50, 100]);
    assert.deepEqual([backoffMs(2, 0, POLICY), backoffMs(2, 1, POLICY)], [200, 400]);
    assert.equal(backoffMs(1000, 1, POLICY), 1000);
  });

  it("is never shorter than the server's Retry-After", () => {
    assert.equal(backoffMs(0, 0, POLICY, 3000), 3000);
    assert.equal(backoffMs(0, 1, POLICY, 3000), 3050);
  });

  it("reads Retry-After as seconds or as a date, at most 120 s, and as 0 if it is invalid", () => {
    assert.equal(parseRetryAfter("3", 0), 3000);
    assert.equal(parseRetryAfter("Thu, 01 Jan 1970 00:00:10 GMT", 4000), 6000);
    assert.equal(parseRetryAfter("99999999", 0), 120_000);
    for (const nonsense of [null, "", "soon", "-5"]) assert.equal(parseRetryAfter(nonsense, 0), 0);
  });
});
