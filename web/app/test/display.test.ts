import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Media, Reaction } from "@roomcast/sdk";
import { initials, mediaKind, roomTitle, summary, typingText } from "../src/format.ts";
import { cleanName, isolated } from "../src/safe_names.ts";
import { noteEndOf, endText } from "../src/note_end.ts";
import { peopleFor } from "../src/people_search.ts";
import { pictureUrl } from "../src/picture_url.ts";
import { groupReactions, toggled } from "../src/reactions.ts";

const PLAIN_HEART = "\u2764";
const RED_HEART = "\u2764\ufe0f";

describe("names", () => {
  it("have no characters that change the direction of the text around them", () => {
    assert.equal(cleanName("Ada\u202egnp.exe"), "Adagnp.exe");
    assert.equal(cleanName("\u2066\u2069\u200fBob\u200b"), "Bob");
    assert.equal(cleanName("two\nlines"), "two lines");
    assert.equal(cleanName("\u202e\u200b ", "user-1"), "user-1");
    assert.equal(initials("\u202eAda Byron"), "AB");
  });

  it("keep the joiners of emoji and Persian, and other scripts", () => {
    for (const name of ["👩‍🚀 Sally", "می‌خواهم", "山田太郎", "Zoë"]) assert.equal(cleanName(name), name);
  });

  it("are isolated in plain strings if they are right-to-left", () => {
    assert.equal(isolated("Ada"), "Ada");
    assert.equal(isolated("שרה"), "\u2068שרה\u2069");
    assert.equal(isolated("\u2069\u202eשרה"), "\u2068שרה\u2069");
    assert.equal(typingText([isolated("שרה"), "Ada"]), "\u2068שרה\u2069 and Ada are typing");
  });

  it("are clean in titles and summaries", () => {
    assert.equal(
      roomTitle("dm:ada:bob", null, "ada", () => "Bob\u202e"),
      "Bob",
    );
    assert.equal(roomTitle("room:x-1a2b3c4d", "\u202e", "ada", String), "x");
    assert.equal(summary("one\n\u202etwo", undefined), "one two");
  });
});

describe("media", () => {
  const media = (type: string): Media => ({ upload: "u", url: "/u", type, size: 1, name: "a\u202eb.pdf" });

  it("is shown by its type", () => {
    const types = ["image/webp", "video/mp4", "audio/ogg", "application/pdf", "text/plain"];
    assert.deepEqual(
      types.map((type) => mediaKind(media(type))),
      ["image", "video", "audio", "file", "file"],
    );
    assert.deepEqual(
      types.slice(0, 4).map((type) => summary(undefined, media(type))),
      ["Image", "Video", "Audio", "ab.pdf"],
    );
  });
});

describe("reactions", () => {
  const both: Reaction[] = [
    { emoji: PLAIN_HEART, users: ["ada"] },
    { emoji: "👍", users: ["bob"] },
    { emoji: RED_HEART, users: ["bob", "ada"] },
  ];

  it("are one emoji with and without its variation selector, and each person counts once", () => {
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

  it("are removed in every form that the user sent, and added in the form that others sent", () => {
    assert.deepEqual(toggled(both, RED_HEART, "ada"), [
      { emoji: PLAIN_HEART, on: false },
      { emoji: RED_HEART, on: false },
    ]);
    assert.deepEqual(toggled(both, RED_HEART, "cy"), [{ emoji: PLAIN_HEART, on: true }]);
    assert.deepEqual(toggled([], RED_HEART, "cy"), [{ emoji: RED_HEART, on: true }]);
  });
});

describe("people", () => {
  const people = [
    { user: "ada-1", name: "Ada" },
    { user: "bob-1", name: "Bob" },
    { user: "bob-2", name: "bob" },
  ];

  const users = (text: string, found: typeof people = []) => peopleFor(text, people, found, 3).map(({ user }) => user);

  it("are found by a part of the name or id, each once, and an unknown id is last", () => {
    assert.deepEqual(users(" BOB "), ["bob-1", "bob-2", "BOB"]);
    assert.deepEqual(users("ada-1"), ["ada-1"]);
    const found = [people[1]!, { user: "bobby", name: "Bobby" }, { user: "bo", name: "Bo" }];
    assert.deepEqual(users("Bob", found), ["bob-1", "bob-2", "bobby", "Bob"]);
    assert.deepEqual(users("not an id!"), []);
    assert.deepEqual(users(" "), []);
  });
});

describe("the end of a status text", () => {
  const NOON = new Date(2026, 10, 23, 12).getTime();
  const MIDNIGHT = new Date(2026, 10, 24).getTime();

  it("is after the chosen minutes, or at the end of the day", () => {
    assert.equal(noteEndOf("30", NOON), NOON + 30 * 60_000);
    assert.equal(noteEndOf("today", NOON), MIDNIGHT);
    for (const value of ["never", "", "31"]) assert.equal(noteEndOf(value, NOON), undefined);
  });

  it("names the day if it is not today", () => {
    const day = new Date(MIDNIGHT + 60_000).toLocaleDateString([], { day: "numeric", month: "short" });
    assert.ok(!endText(MIDNIGHT, NOON).includes(day));
    assert.ok(endText(MIDNIGHT + 60_000, NOON).includes(day));
    assert.match(endText(NOON + 60_000, NOON), /01/);
  });
});

describe("pictures", () => {
  const PAGE = "https://chat.example.com";

  it("are loaded by https, or from the page's own origin", () => {
    assert.equal(pictureUrl("https://pictures.example/a.png?s=64", PAGE), "https://pictures.example/a.png?s=64");
    assert.equal(pictureUrl("http://localhost:8080/a.png", "http://localhost:8080"), "http://localhost:8080/a.png");
  });

  it("are not loaded from any other address", () => {
    const refused = [
      undefined,
      "",
      "a.png",
      "//pictures.example/a.png",
      "http://pictures.example/a.png",
      "javascript:alert(1)",
      "data:image/png;base64,AAAA",
      "blob:https://chat.example.com/1",
      "https://user:secret@pictures.example/a.png",
    ];
    for (const picture of refused) assert.equal(pictureUrl(picture, PAGE), null, picture);
    assert.equal(pictureUrl("data:,x", "null"), null);
  });
});
