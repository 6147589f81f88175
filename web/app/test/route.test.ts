import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { hashOfRoom, roomOfHash, roomOfInput, slugOf } from "../src/route.ts";

describe("route", () => {
  it("turns a room into an address and back", () => {
    for (const room of ["public:lobby", "dm:a.b@x:c-d", "room:plans-1a2b3c4d"]) {
      assert.equal(roomOfHash(hashOfRoom(room)), room);
    }
    for (const hash of ["", "#/room/", "#/room/%E0%A4%A", "#/room/a b", "#/other"])
      assert.equal(roomOfHash(hash), null);
  });

  it("reads links, room ids and names of public rooms that people paste", () => {
    assert.equal(roomOfInput("https://chat.example.org/#/room/public:lobby"), "public:lobby");
    assert.equal(roomOfInput("room:plans-1a2b3c4d"), "room:plans-1a2b3c4d");
    assert.equal(roomOfInput("Weekend plans"), "public:weekend-plans");
    assert.equal(roomOfInput(" ?! "), null);
    assert.equal(slugOf("Über Straße 7"), "uber-stra-e-7");
  });
});
