import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RoomcastError, type Client, type RoomChange, type RoomInfo } from "@roomcast/sdk";
import { PerUserCache } from "../src/per_user_cache.ts";
import { Pager } from "../src/pager.ts";
import { canDescribe, RoomDetails } from "../src/room_details.ts";

describe("the cache of people", () => {
  it("requests each user once, in lists of at most 100", async () => {
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

  it("requests users wanted at about the same time together, and again after a failure", async () => {
    const asked: string[][] = [];
    let fails = true;
    const people = new PerUserCache<string>(async (users) => {
      asked.push(users);
      if (fails) throw RoomcastError.of("unavailable");
      return Object.fromEntries(users.map((user) => [user, user]));
    });
    const told = new Promise<void>((resolve) => people.subscribe(resolve));
    for (const user of ["ada", "bob", "ada"]) people.want(user);
    while (asked.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    fails = false;
    people.want("ada");
    await told;
    assert.deepEqual(asked, [["ada", "bob"], ["ada"]]);
    assert.deepEqual([people.of("ada"), people.of("bob")], ["ada", undefined]);
  });
});

async function* numbers(count: number): AsyncGenerator<number, void, undefined> {
  for (let number = 0; number < count; number++) yield number;
}

describe("a pager", () => {
  it("reads a list page by page, and tells whether more follows", async () => {
    const pager = new Pager(numbers(5), 2);
    assert.deepEqual(await pager.next(), { items: [0, 1], hasMore: true });
    assert.deepEqual(await pager.next(), { items: [2, 3], hasMore: true });
    assert.deepEqual(await pager.next(), { items: [4], hasMore: false });
    assert.deepEqual(await pager.next(), { items: [], hasMore: false });
    assert.deepEqual(await new Pager(numbers(2), 2).next(), { items: [0, 1], hasMore: false });
  });
});

const INFO: RoomInfo = { room: "room:a", kind: "private", name: "A", topic: "", data: {}, owner: "ada", role: "owner" };

/** Return a client that answers `room:info` from `answers`: a description, or the reason of a refusal. */
function clientOf(answers: Record<string, RoomInfo | "not_found" | "unavailable">) {
  const listeners: ((change: RoomChange) => void)[] = [];
  const info = async (room: string) => {
    const answer = answers[room]!;
    if (typeof answer === "string") throw RoomcastError.of(answer);
    return answer;
  };
  const client = {
    on: (_: string, listener: (change: RoomChange) => void) => listeners.push(listener),
    admin: (room: string) => ({ info: () => info(room) }),
  };
  const tell = (change: RoomChange) => {
    for (const listener of listeners) listener(change);
  };
  return { client: client as unknown as Client, tell };
}

describe("the description of a room", () => {
  it("follows changes, and keeps the old value while the server does not answer", async () => {
    const answers: Record<string, RoomInfo | "not_found" | "unavailable"> = { "room:a": INFO, "public:x": "not_found" };
    const { client, tell } = clientOf(answers);
    const details = new RoomDetails(client);
    await details.load("room:a");
    await details.load("public:x");
    assert.deepEqual([details.of("room:a"), details.of("public:x"), details.of("room:b")], [INFO, null, null]);
    tell({ room: "room:a", change: "updated", name: "B", topic: "News", data: {} });
    assert.deepEqual(details.of("room:a"), { ...INFO, name: "B", topic: "News" });
    answers["room:a"] = "unavailable";
    await details.load("room:a");
    assert.equal(details.of("room:a")?.topic, "News");

    const before = details.membersVersion("room:a");
    answers["room:a"] = { ...INFO, owner: "bob", role: "admin" };
    const told = new Promise<void>((resolve) => {
      details.subscribe(() => details.of("room:a")?.owner === "bob" && resolve());
    });
    tell({ room: "room:a", change: "role", user: "bob", role: "owner" });
    await told;
    assert.equal(details.membersVersion("room:a"), before + 1);
    tell({ room: "room:a", change: "removed" });
    assert.equal(details.of("room:a"), null);
  });

  it("is changed by owners and admins, but not in public rooms", () => {
    assert.deepEqual(
      [INFO, { ...INFO, role: "member" as const }, { ...INFO, room: "public:a" }, null].map(canDescribe),
      [true, false, false, false],
    );
  });
});
