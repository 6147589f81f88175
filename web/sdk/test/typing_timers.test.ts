import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { TypingWatch } from "../src/typing_timers.ts";

describe("a typing indicator", () => {
  it("ends after six seconds, also if the device's clock is changed", (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    let elapsedMs = 1_000;
    let deviceMs = 1_800_000_000_000;
    t.mock.method(performance, "now", () => elapsedMs);
    t.mock.method(Date, "now", () => deviceMs);
    let typing: string[] = [];
    const watch = new TypingWatch((users) => (typing = users));
    watch.received("bob", true);
    deviceMs -= 3_600_000;
    elapsedMs += 5_999;
    t.mock.timers.tick(5_999);
    assert.deepEqual(typing, ["bob"]);
    elapsedMs += 2;
    t.mock.timers.tick(2);
    assert.deepEqual(typing, []);
  });
});
