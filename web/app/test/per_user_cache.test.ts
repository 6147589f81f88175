import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RoomcastError } from "@roomcast/sdk";
import { PerUserCache } from "../src/per_user_cache.ts";

describe("the cache of people", () => {
  it("requests each user once until `expire`, in lists of at most 100", async () => {
    const asked: string[][] = [];
    const people = new PerUserCache<string>(async (users) => {
      asked.push(users);
      return Object.fromEntries(users.filter((user) => user !== "nobody").map((user) => [user, `${user}!`]));
    });
    const many = Array.from({ length: 150 }, (_, number) => `user-${number}`);
    await people.ask(["ada", "nobody", ...many]);
    await people.ask(["ada", "nobody", "bob"]);
    assert.deepEqual(
      asked.map((users) => users.length),
      [100, 52, 1],
    );
    assert.deepEqual([people.of("ada"), people.of("nobody"), people.of("user-149")], ["ada!", undefined, "user-149!"]);
    people.expire();
    await people.ask(["ada"]);
    assert.deepEqual(asked.at(-1), ["ada"]);
  });

  it("requests several wanted users together, and requests a user again after a failure", async () => {
    const asked: string[][] = [];
    let fails = true;
    const people = new PerUserCache<string>(async (users) => {
      asked.push(users);
      if (fails) throw RoomcastError.of("unavailable");
      return Object.fromEntries(users.map((user) => [user, user]));
    });
    const changed = new Promise<void>((resolve) => people.subscribe(resolve));
    for (const user of ["ada", "bob", "ada"]) people.want(user);
    while (asked.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    fails = false;
    people.want("ada");
    await changed;
    assert.deepEqual(asked, [["ada", "bob"], ["ada"]]);
    assert.deepEqual([people.of("ada"), people.of("bob")], ["ada", undefined]);
  });
});
