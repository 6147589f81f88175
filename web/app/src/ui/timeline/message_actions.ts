/** What a person can do with a message; the timeline carries it out. */

import type { ChatMessage, UserId } from "@roomcast/sdk";

export interface MessageActions {
  self: UserId;
  nameOf: (user: UserId) => string;
  reply: (message: ChatMessage) => void;
  edit: (message: ChatMessage) => void;
  report: (message: ChatMessage) => void;
  remove: (message: ChatMessage) => void;
  retry: (message: ChatMessage) => void;
  discard: (message: ChatMessage) => void;
  /** Set one's reaction, or take it back. */
  react: (message: ChatMessage, emoji: string) => void;
  /** Show the card of a person. */
  person: (user: UserId, name: string) => void;
  /** Go to the message of this seq, loading history until it is there. */
  jump: (seq: number) => void;
}
