import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { payloadOf, reduceOutbox, revived, SAFE_RESEND_MS, type Draft, type Outbox } from "../src/outbox.ts";

const NOW = 1_800_000_000_000;

function draft(part: Partial<Draft> = {}): Draft {
  return { id: "d1", room: "r", text: "hi", time: NOW, state: "sending", attempts: 0, tried: false, ...part };
}

describe("outbox", () => {
  it("counts the tries of a draft, and takes its seq and time from the ack", () => {
    let outbox: Outbox = reduceOutbox([], { type: "written", draft: draft() });
    outbox = reduceOutbox(outbox, { type: "tried", id: "d1" });
    assert.deepEqual([outbox[0]?.tried, outbox[0]?.attempts], [true, 1]);
    outbox = reduceOutbox(outbox, { type: "acked", id: "d1", seq: 7, time: 9 });
    assert.deepEqual([outbox[0]?.state, outbox[0]?.seq, outbox[0]?.time], ["sent", 7, 9]);
    assert.deepEqual(reduceOutbox(outbox, { type: "removed", ids: new Set(["d1"]) }), []);
  });

  it("resets the number of attempts when a failed draft is retried", () => {
    const error = { code: 201, reason: "forbidden", retryable: false };
    let outbox = reduceOutbox([draft({ attempts: 6 })], { type: "failed", id: "d1", error });
    assert.equal(outbox[0]?.state, "failed");
    outbox = reduceOutbox(outbox, { type: "retried", id: "d1" });
    assert.deepEqual([outbox[0]?.state, outbox[0]?.attempts, outbox[0]?.error], ["sending", 0, undefined]);
  });

  it("makes payloads with the upload id of a file, and without absent fields", () => {
    const media = { upload: "u1234567", url: "/x", type: "image/png", size: 1, name: "x.png" };
    assert.deepEqual(payloadOf(draft({ text: undefined, media })), { room: "r", id: "d1", upload: "u1234567" });
    assert.deepEqual(payloadOf(draft({ replyTo: 3 })), { room: "r", id: "d1", text: "hi", reply_to: 3 });
  });

  it("puts the drafts that an earlier page load left before the drafts of this page load, each once", () => {
    const drafts = [draft({ id: "earlier" }), draft({ id: "own" })];
    const outbox = reduceOutbox([draft({ id: "own", attempts: 1 })], { type: "restored", drafts });
    assert.deepEqual(
      outbox.map(({ id, attempts }) => [id, attempts]),
      [
        ["earlier", 0],
        ["own", 1],
      ],
    );
  });

  it("fails a draft that was tried before a reload, once the server may have forgotten its id", () => {
    const old = NOW - SAFE_RESEND_MS;
    assert.equal(revived(draft({ tried: true, time: old }), NOW).state, "failed");
    assert.equal(revived(draft({ tried: true, time: old + 1 }), NOW).state, "sending");
    assert.equal(revived(draft({ tried: false, time: old }), NOW).state, "sending");
  });
});
