import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { NO_PEOPLE, peopleChanged, peopleListed, personRenamed } from "../src/room_people.ts";

describe("the people in a room", () => {
  const member = (user: string) => ({ user, name: user, status: "online" as const });
  const users = (people: { members: readonly { user: string }[]; gone: readonly { user: string }[] }) => [
    people.members.map(({ user }) => user),
    people.gone.map(({ user }) => user),
  ];
  const change = (part: object) => ({ room: "r", change: "people", ...part });

  it("move to `gone` when they leave, and back to `members` when they enter", () => {
    let people = peopleListed(NO_PEOPLE, [member("ada"), member("bob")], 2);
    people = peopleChanged(people, change({ occupancy: 2, entered: [member("cy")], left: ["bob"] }));
    assert.deepEqual(users(people), [["ada", "cy"], ["bob"]]);
    people = peopleChanged(people, change({ occupancy: 3, entered: [member("bob")] }));
    assert.deepEqual(users(people), [["ada", "cy", "bob"], []]);
  });

  it("get new names, both in `members` and in `gone`", () => {
    const people = peopleListed(peopleListed(NO_PEOPLE, [member("ada"), member("bob")], 2), [member("ada")], 1);
    const names = ({ members, gone }: typeof people) => [...members, ...gone].map(({ name }) => name);
    assert.deepEqual(names(personRenamed(people, "ada", "Ada L.")), ["Ada L.", "bob"]);
    assert.deepEqual(names(personRenamed(people, "bob", "Bob B.")), ["ada", "Bob B."]);
    assert.equal(personRenamed(people, "ada", "ada"), people);
    assert.equal(personRenamed(people, "cy", "Cy"), people);
  });

  it("stay as listed if a change has only the occupancy", () => {
    const people = peopleChanged(peopleListed(NO_PEOPLE, [member("ada")], 900), change({ occupancy: 901 }));
    assert.deepEqual([people.occupancy, users(people)], [901, [["ada"], []]]);
  });

  it("move to `gone` if a complete list lacks them, but not if a partial list lacks them", () => {
    const people = peopleListed(NO_PEOPLE, [member("ada"), member("bob")], 2);
    assert.deepEqual(users(peopleListed(people, [member("ada")], 1)), [["ada"], ["bob"]]);
    assert.deepEqual(users(peopleListed(people, [member("ada")], 300)), [["ada"], []]);
  });
});
