import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { blameOf, culpritOf } from "../src/disconnect_cause.ts";

describe("the cause of a disconnect", () => {
  it("is a message of this client if the close code or HTTP status names such a fault", () => {
    assert.equal(blameOf({ description: "websocket connection closed", context: { code: 1009 } }), "too_large");
    assert.equal(blameOf({ context: { code: 1003 } }), "bad_request");
    assert.equal(blameOf({ description: 413, context: { status: 413 } }), "too_large");
    for (const ordinary of [
      undefined,
      {},
      { context: { code: 1006 } },
      { context: { code: 1012 } },
      { description: 502 },
    ]) {
      assert.equal(blameOf(ordinary), null);
    }
  });

  it("is the message with the most losses, or after such a code the only message in flight", () => {
    assert.equal(culpritOf([], true), null);
    assert.equal(culpritOf([{ id: "a", losses: 1 }], true), "a");
    assert.equal(culpritOf([{ id: "a", losses: 1 }], false), null);
    assert.equal(culpritOf([{ id: "a", losses: 3 }], false), "a");
    const both = [
      { id: "a", losses: 2 },
      { id: "b", losses: 1 },
    ];
    assert.equal(culpritOf(both, true), "a");
    assert.equal(culpritOf(both, false), null);
    assert.equal(culpritOf([both[0]!, { id: "b", losses: 2 }], true), null);
  });
});
