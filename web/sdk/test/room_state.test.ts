import assert from "node:assert/strict";
import { test } from "node:test";
import { readMarkOf } from "../src/room_state.ts";

test("a user whose id is a name that every object inherits has no read mark before the first one", () => {
  assert.deepEqual(
    ["constructor", "toString", "ada"].map((user) => readMarkOf({ ada: 7 }, user)),
    [0, 0, 7],
  );
  assert.equal(readMarkOf({ constructor: 3 } as unknown as Record<string, number>, "constructor"), 3);
});
