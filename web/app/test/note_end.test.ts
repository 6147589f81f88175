import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { noteEndOf, endText } from "../src/note_end.ts";

describe("the end of a status text", () => {
  const NOON = new Date(2026, 10, 23, 12).getTime();
  const MIDNIGHT = new Date(2026, 10, 24).getTime();

  it("is after the chosen minutes, or at the end of the day", () => {
    assert.equal(noteEndOf("30", NOON), NOON + 30 * 60_000);
    assert.equal(noteEndOf("today", NOON), MIDNIGHT);
    for (const value of ["never", "", "31"]) assert.equal(noteEndOf(value, NOON), undefined);
  });

  it("is shown with the day, unless it is today", () => {
    const day = new Date(MIDNIGHT + 60_000).toLocaleDateString([], { day: "numeric", month: "short" });
    assert.ok(!endText(MIDNIGHT, NOON).includes(day));
    assert.ok(endText(MIDNIGHT + 60_000, NOON).includes(day));
    assert.match(endText(NOON + 60_000, NOON), /01/);
  });
});
