import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { userIdOf } from "../src/connection/token_claims.ts";
import { CODES } from "../src/errors.ts";
import { CLIENT_EVENTS } from "../src/protocol/client_events.ts";
import { directPeer, directRoom, isRoomId, isUserId } from "../src/protocol/ids.ts";
import { HEARTBEAT_SECONDS, MAX_LIST, TYPING_SECONDS } from "../src/protocol/limits.ts";
import { SERVER_EVENTS } from "../src/protocol/server_events.ts";

/** The names and limits of the Python contract. The path is relative to web/, where `npm test` runs. */
const golden = JSON.parse(readFileSync("../contract/src/roomcast/contract/vectors/browser.json", "utf8")) as {
  client_events: string[];
  server_events: string[];
  errors: Record<string, { code: number; retryable: boolean }>;
  limits: Record<string, number>;
  room_ids: { valid: string[]; invalid: string[] };
  user_ids: { valid: string[]; invalid: string[] };
  subjects: Record<string, string | null>;
};

describe("the contract", () => {
  it("in Python has the same events and error codes", () => {
    assert.deepEqual([...CLIENT_EVENTS].sort(), [...golden.client_events].sort());
    assert.deepEqual([...SERVER_EVENTS].sort(), [...golden.server_events].sort());
    assert.deepEqual(CODES, golden.errors);
  });

  it("in Python has the same limits", () => {
    const own = { heartbeat_seconds: HEARTBEAT_SECONDS, typing_seconds: TYPING_SECONDS, max_list: MAX_LIST };
    assert.deepEqual(own, golden.limits);
  });

  it("in Python accepts the same ids of rooms and users", () => {
    assert.deepEqual(
      golden.room_ids.valid.filter((id) => !isRoomId(id)),
      [],
    );
    assert.deepEqual(golden.room_ids.invalid.filter(isRoomId), []);
    assert.deepEqual(
      golden.user_ids.valid.filter((id) => !isUserId(id)),
      [],
    );
    assert.deepEqual(golden.user_ids.invalid.filter(isUserId), []);
  });

  it("in Python makes the same user ids of the subjects of tokens", () => {
    const own = Object.fromEntries(Object.keys(golden.subjects).map((subject) => [subject, userIdOf(subject)]));
    assert.deepEqual(own, golden.subjects);
  });
});

describe("a direct room", () => {
  it("has an id that names both people in sorted order", () => {
    assert.equal(directRoom("grace", "ada"), "dm:ada:grace");
    assert.equal(directRoom("Zoe", "ada"), "dm:Zoe:ada");
    assert.equal(directPeer("dm:ada:grace", "grace"), "ada");
    assert.equal(directPeer("public:lobby", "ada"), null);
  });
});
