import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fitted } from "../src/image_size.ts";

describe("the size of an image", () => {
  it("is reduced to the largest size, and never enlarged", () => {
    assert.deepEqual(fitted({ width: 1200, height: 800 }, 380, 340), { width: 380, height: 253 });
    assert.deepEqual(fitted({ width: 10, height: 10 }, 380, 340), { width: 10, height: 10 });
  });
});
