import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { connectHint } from "../src/connection/connect_hint.ts";

describe("the hint of a failed connect", () => {
  const page = { href: "http://localhost:5173/orders", origin: "http://localhost:5173" };

  it("names the page's origin if the server has another origin", () => {
    assert.match(
      connectHint("http://localhost:8080", page),
      /ROOMCAST_ALLOWED_ORIGINS does not name http:\/\/localhost:5173\)/,
    );
  });

  it("is empty on a page of the server's origin, and outside browsers if the URL has a scheme", () => {
    for (const url of ["http://localhost:5173/chat", "/", ""]) assert.equal(connectHint(url, page), "");
    for (const url of ["http://localhost:8080", "wss://chat.example.com"])
      assert.equal(connectHint(url, undefined), "");
  });

  it("says outside browsers that the URL has no scheme", () => {
    assert.equal(connectHint("localhost:8080", undefined), " (`url` does not begin with http:// or https://)");
  });

  it("is not empty for an invalid address", () => {
    assert.notEqual(connectHint("http://", page), "");
  });
});
