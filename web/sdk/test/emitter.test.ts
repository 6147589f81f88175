import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Emitter } from "../src/emitter.ts";

describe("an emitter", () => {
  it("accepts a listener twice, and removes only the registration that is undone", () => {
    const emitter = new Emitter<number>();
    const received: number[] = [];
    const listener = (value: number) => void received.push(value);
    const undo = emitter.subscribe(listener);
    emitter.subscribe(listener);
    emitter.emit(1);
    undo();
    emitter.emit(2);
    assert.deepEqual(received, [1, 1, 2]);
  });

  it("reports a listener's error, and still calls the other listeners", (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const emitter = new Emitter<number>();
    const received: number[] = [];
    emitter.subscribe(() => {
      throw new Error("an error of a listener");
    });
    emitter.subscribe((value) => void received.push(value));
    emitter.emit(1);
    assert.deepEqual(received, [1]);
    assert.throws(() => t.mock.timers.tick(1), { message: "an error of a listener" });
  });
});
