import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { originHint } from "../src/connection/origin_hint.ts";

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
