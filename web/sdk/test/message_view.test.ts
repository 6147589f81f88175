import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Draft } from "../src/outbox.ts";
import type { Message } from "../src/protocol/messages.ts";
import { fold, MAX_REACTIONS, NOTHING_FOLDED, withDrafts } from "../src/message_view.ts";

let seq = 0;
function event(part: Partial<Message>): Message {
  seq += 1;
  return { room: "r", seq, epoch: "e", time: seq, id: `m${seq}`, user: "ada", name: "Ada", kind: "text", ...part };
}

const foldEvents = (events: Message[]) => fold(NOTHING_FOLDED, events).messages;

const SELF = { user: "ada", name: "Ada" };

describe("the messages of a log", () => {
  it("have the text of their latest edit", () => {
    const first = event({ text: "helo" });
    const [message, ...rest] = foldEvents([first, event({ kind: "edit", target: first.seq, text: "hello" })]);
    assert.deepEqual([message?.text, message?.edited, rest.length], ["hello", true, 0]);
  });

  it("have neither text nor reactions after a deletion", () => {
    const first = event({ text: "secret" });
    const reaction = event({ kind: "reaction", target: first.seq, emoji: "👍", on: true });
    const [message] = foldEvents([first, reaction, event({ kind: "delete", target: first.seq })]);
    assert.deepEqual([message?.text, message?.deleted, message?.reactions], [undefined, true, []]);
  });

  it("are deleted if the log has them without text", () => {
    assert.equal(foldEvents([event({})])[0]?.deleted, true);
  });

  it("have their data, with or without a text, and the data of an edit", () => {
    const first = event({ text: "poll", data: { votes: 1 } });
    const alone = event({ kind: "data", data: { card: 1 } });
    const edit = event({ kind: "edit", target: first.seq, text: "poll", data: { votes: 2 } });
    const messages = foldEvents([first, alone, edit]);
    assert.deepEqual(
      messages.map(({ kind, text, data, deleted }) => [kind, text, data, deleted]),
      [
        ["text", "poll", { votes: 2 }, false],
        ["data", undefined, { card: 1 }, false],
      ],
    );
    const gone = event({ kind: "delete", target: alone.seq });
    assert.equal(foldEvents([alone, gone])[0]?.data, undefined);
  });

  it("have the first MAX_REACTIONS emoji of a flood, and still count the users of these", () => {
    const first = event({ text: "hello" });
    const react = (emoji: string, user: string, on = true) =>
      event({ kind: "reaction", target: first.seq, emoji, on, user });
    const flood = Array.from({ length: MAX_REACTIONS + 50 }, (_, number) => react(`e${number}`, "mallory"));
    const reactions = foldEvents([first, ...flood, react("e0", "ada")])[0]?.reactions ?? [];
    assert.equal(reactions.length, MAX_REACTIONS);
    assert.deepEqual(reactions[0], { emoji: "e0", users: ["mallory", "ada"] });
    const after = [first, ...flood, react("e1", "mallory", false), react("👍", "ada")];
    assert.deepEqual(foldEvents(after)[0]?.reactions.at(-1), { emoji: "👍", users: ["ada"] });
  });

  it("have each user's reaction once, until the user removes the reaction", () => {
    const first = event({ text: "hi" });
    const react = (user: string, on: boolean) => event({ kind: "reaction", target: first.seq, emoji: "👍", on, user });
    const events = [first, react("ada", true), react("ada", true), react("bob", true)];
    assert.deepEqual(foldEvents(events)[0]?.reactions, [{ emoji: "👍", users: ["ada", "bob"] }]);
    const back = foldEvents([...events, react("ada", false), react("bob", false)]);
    assert.deepEqual(back[0]?.reactions, []);
  });

  it("stay the same objects if a later entry does not change them", () => {
    const [first, second] = [event({ text: "one" }), event({ text: "two" })];
    const before = fold(NOTHING_FOLDED, [first, second]);
    const edit = event({ kind: "edit", target: second.seq, text: "2" });
    const after = fold(before, [first, second, edit, event({ text: "three" })]);
    assert.equal(after.messages[0], before.messages[0]);
    assert.deepEqual(
      after.messages.map((message) => message.text),
      ["one", "2", "three"],
    );
    assert.equal(before.messages[1]?.text, "two");
  });

  it("include older messages that are added in front", () => {
    const [older, first] = [event({ text: "old" }), event({ text: "one" })];
    const before = fold(NOTHING_FOLDED, [first]);
    assert.deepEqual(
      fold(before, [older, first]).messages.map((message) => message.text),
      ["old", "one"],
    );
    assert.deepEqual(fold(before, []).messages, []);
  });

  it("do not include edits of messages that are not loaded", () => {
    assert.deepEqual(foldEvents([event({ kind: "edit", target: 99_999, text: "x" })]), []);
  });

  it("include a draft until the log has a message of this user with the draft's id", () => {
    const draft: Draft = { id: "d1", room: "r", text: "hi", time: 5, state: "sending", attempts: 0, tried: false };
    const theirs = foldEvents([event({ id: "d1", user: "bob", text: "x" })]);
    assert.deepEqual(
      withDrafts(theirs, [draft], SELF).map((message) => message.state),
      ["sent", "sending"],
    );
    const ours = foldEvents([event({ id: "d1", text: "hi" })]);
    assert.equal(withDrafts(ours, [draft], SELF).length, 1);
  });
});
