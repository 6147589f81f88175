import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { claimsOf, userOf } from "../src/connection/token_claims.ts";
import { tokenWith } from "./harness.ts";

describe("the claims of a token", () => {
  it("are read as UTF-8", () => {
    assert.deepEqual(claimsOf(tokenWith({ sub: "zoë", exp: 7 })), { sub: "zoë", exp: 7 });
  });

  it("are empty for a text that is no token", () => {
    for (const odd of ["", "token", "a.b.c", tokenWith(null), tokenWith(7)]) assert.deepEqual(claimsOf(odd), {});
  });

  it("name a user only by a `sub` that the server accepts", () => {
    assert.equal(userOf(tokenWith({ sub: "auth0|x1" })), "x--auth0-7Cx1");
    for (const sub of [undefined, null, 7, "", "\ud800", "ä".repeat(60)])
      assert.equal(userOf(tokenWith({ sub })), null);
    assert.equal(userOf(undefined), null);
  });
});
