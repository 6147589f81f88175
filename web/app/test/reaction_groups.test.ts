import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Reaction } from "@roomcast/sdk";
import { groupReactions, toggled } from "../src/reaction_groups.ts";

const PLAIN_HEART = "\u2764";
const RED_HEART = "\u2764\ufe0f";

describe("reactions", () => {
  const both: Reaction[] = [
    { emoji: PLAIN_HEART, users: ["ada"] },
    { emoji: "👍", users: ["bob"] },
    { emoji: RED_HEART, users: ["bob", "ada"] },
  ];

  it("with and without a variation selector are one group, in which each user counts once", () => {
    assert.deepEqual(groupReactions(both), [
      { emoji: RED_HEART, users: ["ada", "bob"] },
      { emoji: "👍", users: ["bob"] },
    ]);
  });

  it("are not grouped if the emoji differ", () => {
    const hands = ["👍", "👍🏽", "👎"].map((emoji) => ({ emoji, users: ["ada"] }));
    assert.deepEqual(
      groupReactions(hands).map((group) => group.emoji),
      ["👍", "👍🏽", "👎"],
    );
  });

  it("are removed in every form that the user has sent, and added in the form that another user has sent", () => {
    assert.deepEqual(toggled(both, RED_HEART, "ada"), [
      { emoji: PLAIN_HEART, on: false },
      { emoji: RED_HEART, on: false },
    ]);
    assert.deepEqual(toggled(both, RED_HEART, "cy"), [{ emoji: PLAIN_HEART, on: true }]);
    assert.deepEqual(toggled([], RED_HEART, "cy"), [{ emoji: RED_HEART, on: true }]);
  });
});
