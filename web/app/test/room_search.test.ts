import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { matching } from "../src/room_search.ts";

describe("the quick switcher", () => {
  const titles = ["Weekend", "Team Blue", "Blue sky", "Café"];
  const found = (text: string) =>
    matching(
      titles.map((title) => ({ title })),
      text,
    ).map(({ title }) => title);

  it("finds rooms by a part of the name, first the names that begin with the text", () => {
    assert.deepEqual(found("blue"), ["Blue sky", "Team Blue"]);
    assert.deepEqual(found(" cafe "), ["Café"]);
    assert.deepEqual(found(""), titles);
    assert.deepEqual(found("none"), []);
  });
});
