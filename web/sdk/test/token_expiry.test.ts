import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { refreshInMs } from "../src/connection/token_expiry.ts";
import { tokenWith } from "./harness.ts";

describe("a token", () => {
  const token = (exp: unknown, iat?: number) => tokenWith({ exp, iat });

  it("is renewed shortly before it expires", () => {
    assert.equal(refreshInMs(token(600), 0), 570_000);
    assert.equal(refreshInMs(token(40), 0), 20_000);
    assert.equal(refreshInMs(token(8), 0), 5_000);
  });

  it("is renewed after its lifetime if the given time is after its expiry", () => {
    assert.equal(refreshInMs(token(900, 0), 3_600_000), 870_000);
    assert.equal(refreshInMs(token(900), 3_600_000), null);
  });

  it("is not renewed if it has no readable expiry, or one that is too far away for a timer", () => {
    for (const odd of ["", "a.b.c", token("soon"), token(10 ** 9)]) assert.equal(refreshInMs(odd, 0), null);
  });
});
