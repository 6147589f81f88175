import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { backoffMs, parseRetryAfter } from "../src/connection/backoff.ts";
import { Emitter } from "../src/emitter.ts";
import { RoomcastError } from "../src/errors.ts";
import { originHint } from "../src/connection/origin_hint.ts";
import { NO_PEOPLE, peopleChanged, peopleListed, personRenamed } from "../src/room_people.ts";
import { presenceChanged, presenceOfMembers } from "../src/presence.ts";
import { directPeer, directRoom } from "../src/protocol.ts";
import { refreshInMs } from "../src/connection/token_expiry.ts";
import { nextExpiry, NOT_TYPING, ownTyping, typingExpired, typingReceived } from "../src/typing_state.ts";

const POLICY = { baseMs: 100, maxMs: 1000 };

describe("backoff", () => {
  it("grows, with half of it random, up to a bound", () => {
    assert.deepEqual([backoffMs(0, 0, POLICY), backoffMs(0, 1, POLICY)], [50, 100]);
    assert.deepEqual([backoffMs(2, 0, POLICY), backoffMs(2, 1, POLICY)], [200, 400]);
    assert.equal(backoffMs(1000, 1, POLICY), 1000);
  });

  it("is never shorter than the server's Retry-After", () => {
    assert.equal(backoffMs(0, 0, POLICY, 3000), 3000);
    assert.equal(backoffMs(0, 1, POLICY, 3000), 3050);
  });

  it("reads Retry-After as seconds or as a date, within reason", () => {
    assert.equal(parseRetryAfter("3", 0), 3000);
    assert.equal(parseRetryAfter("Thu, 01 Jan 1970 00:00:10 GMT", 4000), 6000);
    assert.equal(parseRetryAfter("99999999", 0), 120_000);
    for (const nonsense of [null, "", "soon", "-5"]) assert.equal(parseRetryAfter(nonsense, 0), 0);
  });
});

describe("typing", () => {
  it("ends after six seconds without a refresh", () => {
    let state = typingReceived(new Map(), "ada", true, 1000);
    state = typingReceived(state, "bob", true, 3000);
    assert.equal(nextExpiry(state), 7000);
    assert.deepEqual([...typingExpired(state, 7000).keys()], ["bob"]);
    assert.equal(typingExpired(state, 6999), state);
    assert.equal(typingReceived(typingReceived(state, "ada", false, 3000), "bob", false, 3000).size, 0);
  });

  it("is sent at most every three seconds, and its end is sent once", () => {
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

describe("presence", () => {
  it("keeps the values that a list of members does not have", () => {
    const changed = presenceChanged(new Map(), [{ user: "ada", status: "offline", last_seen: 5, note: "out" }]);
    const member = { user: "ada", name: "Ada", status: "online" as const };
    assert.deepEqual(presenceOfMembers(changed, [member]).get("ada"), { status: "online", last_seen: 5, note: "out" });
  });
});

describe("token", () => {
  const token = (exp: unknown, iat?: number) =>
    `x.${Buffer.from(JSON.stringify({ exp, iat })).toString("base64url")}.y`;

  it("is renewed shortly before it expires", () => {
    assert.equal(refreshInMs(token(600), 0), 570_000);
    assert.equal(refreshInMs(token(40), 0), 20_000);
    assert.equal(refreshInMs(token(8), 0), 5_000);
  });

  it("is renewed by its lifetime when the time passed in says that it has expired", () => {
    assert.equal(refreshInMs(token(900, 0), 3_600_000), 870_000);
    assert.equal(refreshInMs(token(900), 3_600_000), null);
  });

  it("is not renewed if it has no expiry, or lasts for months", () => {
    for (const odd of ["", "a.b.c", token("soon"), token(10 ** 9)]) assert.equal(refreshInMs(odd, 0), null);
  });
});

describe("emitter, rooms and errors", () => {
  it("a listener is not called after its undo, and may be registered twice", () => {
    const emitter = new Emitter<number>();
    const heard: number[] = [];
    const listener = (value: number) => void heard.push(value);
    const undo = emitter.subscribe(listener);
    emitter.subscribe(listener);
    emitter.emit(1);
    undo();
    emitter.emit(2);
    assert.deepEqual(heard, [1, 1, 2]);
  });

  it("an error of a listener is reported, and the other listeners are called", (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const emitter = new Emitter<number>();
    const heard: number[] = [];
    emitter.subscribe(() => {
      throw new Error("an error of a listener");
    });
    emitter.subscribe((value) => void heard.push(value));
    emitter.emit(1);
    assert.deepEqual(heard, [1]);
    assert.throws(() => t.mock.timers.tick(1), { message: "an error of a listener" });
  });

  it("the id of a direct room has the sorted ids of its people", () => {
    assert.equal(directRoom("grace", "ada"), "dm:ada:grace");
    assert.equal(directRoom("Zoe", "ada"), "dm:Zoe:ada");
    assert.equal(directPeer("dm:ada:grace", "grace"), "ada");
    assert.equal(directPeer("public:lobby", "ada"), null);
  });

  it("every thrown value is converted to a coded error", () => {
    const wire = { code: 302, reason: "rate_limited", retryable: true, retry_after: 1.5 };
    assert.equal(RoomcastError.from(wire).retryAfterMs, 1500);
    assert.equal(RoomcastError.from(new Error("x")).reason, "internal");
  });
});

describe("the hint about origins", () => {
  const page = { href: "http://localhost:5173/orders", origin: "http://localhost:5173" };

  it("names the page's origin if it is not the server's", () => {
    assert.match(
      originHint("http://localhost:8080", page),
      /ROOMCAST_ALLOWED_ORIGINS does not name http:\/\/localhost:5173\)/,
    );
  });

  it("is not given on the server's own page, and outside browsers", () => {
    for (const url of ["http://localhost:5173/chat", "/", ""]) assert.equal(originHint(url, page), "");
    assert.equal(originHint("http://localhost:8080", undefined), "");
  });

  it("is given also for an invalid address", () => {
    assert.notEqual(originHint("http://", page), "");
  });
});

describe("the people in a room", () => {
  const member = (user: string) => ({ user, name: user, status: "online" as const });
  const users = (people: { members: readonly { user: string }[]; gone: readonly { user: string }[] }) => [
    people.members.map(({ user }) => user),
    people.gone.map(({ user }) => user),
  ];
  const change = (part: object) => ({ room: "r", change: "people", ...part });

  it("enter and leave, and are remembered after leaving", () => {
    let people = peopleListed(NO_PEOPLE, [member("ada"), member("bob")], 2);
    people = peopleChanged(people, change({ occupancy: 2, entered: [member("cy")], left: ["bob"] }));
    assert.deepEqual(users(people), [["ada", "cy"], ["bob"]]);
    people = peopleChanged(people, change({ occupancy: 3, entered: [member("bob")] }));
    assert.deepEqual(users(people), [["ada", "cy", "bob"], []]);
  });

  it("get new names, present or not", () => {
    const people = peopleListed(peopleListed(NO_PEOPLE, [member("ada"), member("bob")], 2), [member("ada")], 1);
    const names = ({ members, gone }: typeof people) => [...members, ...gone].map(({ name }) => name);
    assert.deepEqual(names(personRenamed(people, "ada", "Ada L.")), ["Ada L.", "bob"]);
    assert.deepEqual(names(personRenamed(people, "bob", "Bob B.")), ["ada", "Bob B."]);
    assert.equal(personRenamed(people, "ada", "ada"), people);
    assert.equal(personRenamed(people, "cy", "Cy"), people);
  });

  it("are only counted in large rooms", () => {
    const people = peopleChanged(peopleListed(NO_PEOPLE, [member("ada")], 900), change({ occupancy: 901 }));
    assert.deepEqual([people.occupancy, users(people)], [901, [["ada"], []]]);
  });

  it("have left if they are missing from a complete list, but not from a partial one", () => {
    const people = peopleListed(NO_PEOPLE, [member("ada"), member("bob")], 2);
    assert.deepEqual(users(peopleListed(people, [member("ada")], 1)), [["ada"], ["bob"]]);
    assert.deepEqual(users(peopleListed(people, [member("ada")], 300)), [["ada"], []]);
  });
});
