import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Draft } from "../src/outbox.ts";
import type { Message } from "../src/protocol.ts";
import { foldEvents, withDrafts } from "../src/view.ts";

let seq = 0;
function event(part: Partial<Message>): Message {
  seq += 1;
  return { room: "r", seq, epoch: "e", time: seq, id: `m${seq}`, user: "ada", name: "Ada", kind: "text", ...part };
}

const SELF = { user: "ada", name: "Ada" };

describe("view", () => {
  it("folds an edit into its message", () => {
    const first = event({ text: "helo" });
    const [message, ...rest] = foldEvents([first, event({ kind: "edit", target: first.seq, text: "hello" })]);
    assert.deepEqual([message?.text, message?.edited, rest.length], ["hello", true, 0]);
  });

  it("leaves nothing of a deleted message but its place", () => {
    const first = event({ text: "secret" });
    const reaction = event({ kind: "reaction", target: first.seq, emoji: "👍", on: true });
    const [message] = foldEvents([first, reaction, event({ kind: "delete", target: first.seq })]);
    assert.deepEqual([message?.text, message?.deleted, message?.reactions], [undefined, true, []]);
  });

  it("reads a replayed entry without text as deleted", () => {
    assert.equal(foldEvents([event({})])[0]?.deleted, true);
  });

  it("counts a person's reaction once, and takes it back", () => {
    const first = event({ text: "hi" });
    const react = (user: string, on: boolean) => event({ kind: "reaction", target: first.seq, emoji: "👍", on, user });
    const events = [first, react("ada", true), react("ada", true), react("bob", true)];
    assert.deepEqual(foldEvents(events)[0]?.reactions, [{ emoji: "👍", users: ["ada", "bob"] }]);
    const back = foldEvents([...events, react("ada", false), react("bob", false)]);
    assert.deepEqual(back[0]?.reactions, []);
  });

  it("ignores changes of messages that are not loaded", () => {
    assert.deepEqual(foldEvents([event({ kind: "edit", target: 99_999, text: "x" })]), []);
  });

  it("shows a draft until the log holds it, and not somebody else's message of the same id", () => {
    const draft: Draft = { id: "d1", room: "r", text: "hi", time: 5, state: "sending", attempts: 0, tried: false };
    const theirs = foldEvents([event({ id: "d1", user: "bob", text: "x" })]);
    assert.deepEqual(withDrafts(theirs, [draft], SELF).map((message) => message.state), ["sent", "sending"]);
    const ours = foldEvents([event({ id: "d1", text: "hi" })]);
    assert.equal(withDrafts(ours, [draft], SELF).length, 1);
  });
});
