import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RoomcastError } from "../src/errors.ts";

describe("errors", () => {
  it("are made from a wire error with its values, and from an unknown error as `internal`", () => {
    const wire = { code: 302, reason: "rate_limited", retryable: true, retry_after: 1.5 };
    assert.equal(RoomcastError.from(wire).retryAfterMs, 1500);
    assert.equal(RoomcastError.from(new Error("x")).reason, "internal");
  });
});
