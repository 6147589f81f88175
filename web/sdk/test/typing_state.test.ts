import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { nextExpiry, NOT_TYPING, ownTyping, typingExpired, typingReceived } from "../src/typing_state.ts";

describe("the state of typing", () => {
  it("ends after six seconds without a refresh", () => {
    let state = typingReceived(new Map(), "ada", true, 1000);
    state = typingReceived(state, "bob", true, 3000);
    assert.equal(nextExpiry(state), 7000);
    assert.deepEqual([...typingExpired(state, 7000).keys()], ["bob"]);
    assert.equal(typingExpired(state, 6999), state);
    assert.equal(typingReceived(typingReceived(state, "ada", false, 3000), "bob", false, 3000).size, 0);
  });

  it("of the own user is sent at most every three seconds, and its end once", () => {
    let [state, emit] = ownTyping(NOT_TYPING, true, 10_000);
    assert.equal(emit, true);
    [state, emit] = ownTyping(state, true, 12_999);
    assert.equal(emit, null);
    [state, emit] = ownTyping(state, true, 13_000);
    assert.equal(emit, true);
    [state, emit] = ownTyping(state, false, 13_100);
    assert.equal(emit, false);
    assert.equal(ownTyping(state, false, 13_200)[1], null);
  });
});
