/** Define the actions on a message. The timeline implements them. */

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
  /** Add or remove the user's reaction. */
  react: (message: ChatMessage, emoji: string) => void;
  /** Show the card of a person. */
  person: (user: UserId, name: string) => void;
  /** Go to the message with this seq; load history until it is there. */
  jump: (seq: number) => void;
}
