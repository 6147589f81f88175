import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { peopleFor, mentionsIn } from "../src/people_search.ts";

describe("the search for people", () => {
  const people = [
    { user: "ada-1", name: "Ada" },
    { user: "bob-1", name: "Bob" },
    { user: "bob-2", name: "bob" },
  ];

  const users = (text: string, found: typeof people = []) => peopleFor(text, people, found, 3).map(({ user }) => user);

  it("finds people by a part of the name or id, without duplicates, and adds an unknown id at the end", () => {
    assert.deepEqual(users(" BOB "), ["bob-1", "bob-2", "BOB"]);
    assert.deepEqual(users("ada-1"), ["ada-1"]);
    const found = [people[1]!, { user: "bobby", name: "Bobby" }, { user: "bo", name: "Bo" }];
    assert.deepEqual(users("Bob", found), ["bob-1", "bob-2", "bobby", "Bob"]);
    assert.deepEqual(users("not an id!"), []);
    assert.deepEqual(users(" "), []);
  });
});

describe("mentions in a text", () => {
  const people = [
    { user: "ada", name: "Ada Lovelace" },
    { user: "al", name: "Al" },
    { user: "u-1", name: "Zoë" },
  ];

  it("are whole names or ids after an @", () => {
    assert.deepEqual(mentionsIn("@ada lovelace, ask @ZOË!", people), ["ada", "u-1"]);
    assert.deepEqual(mentionsIn("(@u-1) and @al", people), ["al", "u-1"]);
  });

  it("are not parts of words or mail addresses", () => {
    assert.deepEqual(mentionsIn("mail al@al.example, @alfred, Al", people), []);
    assert.deepEqual(mentionsIn("@alfred, but @al", people), ["al"]);
  });
});
