import assert from "node:assert/strict";
import { test } from "node:test";
import type { Client } from "@roomcast/sdk";
import { standingOf } from "../src/person_sanctions.ts";

/** Return a client whose room has these sanctions, and whose user has blocked nobody. */
function clientOf(muted: Record<string, number>, banned: Record<string, number>): Client {
  const call = async (event: string) => (event === "room:sanctions" ? { muted, banned } : { users: [] });
  return { call } as unknown as Client;
}

test("a user whose id is a name that every object inherits is not shown as muted or banned", async () => {
  for (const user of ["constructor", "toString", "__proto__"]) {
    const standing = await standingOf(clientOf({ bob: 0 }, {}), "team:plans", user);
    assert.deepEqual(standing, { canModerate: true, isMuted: false, isBanned: false, isBlocked: false });
  }
  assert.equal((await standingOf(clientOf({ constructor: 0 }, {}), "team:plans", "constructor")).isMuted, true);
});
