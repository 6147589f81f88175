import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Media } from "@roomcast/sdk";
import {
  dayLabel,
  fileSize,
  initials,
  isEmojiOnly,
  linkParts,
  nameList,
  roomTitle,
  typingText,
  mediaKind,
  summary,
} from "../src/format.ts";

const NOON = new Date(2026, 10, 23, 12).getTime();
const MINUTE = 60_000;

function linksIn(text: string): string[] {
  return linkParts(text).flatMap((part) => part.href ?? []);
}

describe("format", () => {
  it("labels today, yesterday and other days", () => {
    assert.equal(dayLabel(NOON, NOON), "Today");
    assert.equal(dayLabel(NOON - 24 * 60 * MINUTE, NOON), "Yesterday");
    assert.match(dayLabel(NOON - 3 * 24 * 60 * MINUTE, NOON), /20/);
  });

  it("makes links of web addresses only, without the full stop that follows", () => {
    const text = "see https://a.example/x?y=1. or javascript:alert(1)";
    assert.deepEqual(linksIn(text), ["https://a.example/x?y=1"]);
    assert.equal(
      linkParts(text)
        .map((part) => part.text)
        .join(""),
      text,
    );
  });

  it("includes paired brackets in an address, and excludes brackets around the address", () => {
    const cases: [string, string][] = [
      ["https://en.wikipedia.org/wiki/Mars_(planet)", "https://en.wikipedia.org/wiki/Mars_(planet)"],
      ["(see https://en.wikipedia.org/wiki/Mars_(planet))", "https://en.wikipedia.org/wiki/Mars_(planet)"],
      ["(https://a.example/b).", "https://a.example/b"],
      ["[https://a.example/b?c[0]=1]", "https://a.example/b?c[0]=1"],
      ["https://a.example/(b)/c).", "https://a.example/(b)/c"],
      ["https://a.example/b)))", "https://a.example/b"],
      ["「https://a.example/議事録」。", "https://a.example/議事録"],
      ["https://a.example/b_", "https://a.example/b_"],
    ];
    for (const [text, url] of cases) assert.deepEqual(linksIn(text), [url], text);
  });

  it("splits a text with 16,000 closing brackets in linear time", () => {
    const text = `https://a.example/${")".repeat(16_000)}`;
    assert.deepEqual(linksIn(text), ["https://a.example/"]);
  });

  it("makes initials, lists of names, and titles of rooms", () => {
    assert.equal(initials("Ada Byron King"), "AK");
    assert.equal(initials(""), "?");
    assert.equal(nameList(["Ada", "Bob", "Cy", "Di"]), "Ada, Bob and 2 others");
    assert.equal(typingText(["Ada", "Bob"]), "Ada and Bob are typing");
    assert.equal(
      roomTitle("dm:ada:bob", null, "ada", () => "Bob"),
      "Bob",
    );
    assert.equal(roomTitle("room:plans-1a2b3c4d", null, "ada", String), "plans");
    assert.equal(roomTitle("room:x", "Plans", "ada", String), "Plans");
  });

  it("formats file sizes, and recognizes texts of emoji only", () => {
    assert.deepEqual([fileSize(999), fileSize(12_345), fileSize(2_340_000)], ["999 B", "12 kB", "2.3 MB"]);
    assert.deepEqual(["👍", "❤️ 🎉", "👍 ok", "12", ""].map(isEmojiOnly), [true, true, false, false, false]);
  });
});

describe("media", () => {
  const media = (type: string): Media => ({ upload: "u", url: "/u", type, size: 1, name: "a\u202eb.pdf" });

  it("is shown and summarized by its type", () => {
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
