import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RoomcastError, type ConnectionState } from "@roomcast/sdk";
import { MOVE_MS, noticeOf } from "../src/connection_notice.ts";

const NOW = 1_700_000_000_000;
const GONE: ConnectionState = {
  phase: "waiting",
  attempt: 1,
  retryAtMs: NOW + 500,
  wasOnline: true,
  draining: false,
  error: RoomcastError.of("unavailable", "transport close"),
  ready: null,
};

const LASTING = { renewable: true, expiresAtMs: NOW + 3_600_000 };
const TOKEN = { renewable: false, expiresAtMs: NOW + 3_600_000 };

describe("the notice about the connection", () => {
  it("is `lost` at once when the connection breaks", () => {
    assert.equal(noticeOf(GONE, LASTING, 0, NOW), "lost");
    assert.equal(noticeOf({ ...GONE, phase: "online" }, LASTING, 0, NOW), "none");
  });

  it("is `none` during a drain for MOVE_MS, and then `moving`", () => {
    const moved = { ...GONE, draining: true };
    assert.equal(noticeOf(moved, LASTING, 0, NOW), "none");
    assert.equal(noticeOf({ ...moved, phase: "connecting" }, LASTING, MOVE_MS - 1, NOW), "none");
    assert.equal(noticeOf(moved, LASTING, MOVE_MS, NOW), "moving");
  });

  it("is `signed-out` when the token has expired and cannot be renewed", () => {
    assert.equal(noticeOf(GONE, TOKEN, 0, TOKEN.expiresAtMs - 1), "lost");
    assert.equal(noticeOf(GONE, TOKEN, 0, TOKEN.expiresAtMs), "signed-out");
    assert.equal(noticeOf({ ...GONE, draining: true }, TOKEN, 0, TOKEN.expiresAtMs), "signed-out");
    assert.equal(noticeOf(GONE, { ...LASTING, expiresAtMs: NOW }, 0, NOW + 1), "lost");
  });

  it("is `signed-out` when the server refuses the token and it cannot be renewed", () => {
    for (const reason of ["unauthorized", "revoked"] as const) {
      const refused = { ...GONE, error: RoomcastError.of(reason) };
      assert.equal(noticeOf(refused, { ...TOKEN, expiresAtMs: null }, 0, NOW), "signed-out");
      assert.equal(noticeOf(refused, LASTING, 0, NOW), "lost");
    }
    assert.equal(noticeOf({ ...GONE, phase: "refused" }, LASTING, 0, NOW), "signed-out");
  });
});
