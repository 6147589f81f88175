import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { pictureUrl } from "../src/picture_url.ts";

describe("pictures", () => {
  const PAGE = "https://chat.example.com";

  it("are loaded over https, and over http from the page's own origin", () => {
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
