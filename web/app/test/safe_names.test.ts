import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { initials, roomTitle, summary, typingText } from "../src/format.ts";
import { cleanName, isolated } from "../src/safe_names.ts";

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

  it("have no such characters in room titles and summaries", () => {
    assert.equal(
      roomTitle("dm:ada:bob", null, "ada", () => "Bob\u202e"),
      "Bob",
    );
    assert.equal(roomTitle("room:x-1a2b3c4d", "\u202e", "ada", String), "x");
    assert.equal(summary("one\n\u202etwo", undefined), "one two");
  });
});
