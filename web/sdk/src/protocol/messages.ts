/** Describe the messages of a room: the entries of its log, new messages, files and reports. */

import type { Data } from "./app_types.ts";
import type { RoomId, UserId } from "./ids.ts";

/** The kind of a log entry. `system` entries come from a back end; `data` entries have neither text nor media. */
export type MessageKind = "text" | "media" | "data" | "edit" | "delete" | "reaction" | "system";

/** The description of a verified file in a message. Only the server writes it. */
export interface Media {
  upload: string;
  url: string;
  type: string;
  size: number;
  name: string;
  width?: number;
  height?: number;
  /** The encoding of a text, if it is unambiguous. */
  charset?: string;
  thumbnail?: string;
}

/** One entry of a room's log. Edits, deletions and reactions are entries, too: they name their `target`. */
export interface Message<D extends object = Data> {
  room: RoomId;
  seq: number;
  epoch: string;
  time: number;
  id: string;
  user: UserId;
  name: string;
  kind: MessageKind;
  text?: string;
  media?: Media;
  data?: D;
  reply_to?: number;
  /** The people whom the message mentions. */
  mentions?: UserId[];
  target?: number;
  emoji?: string;
  on?: boolean;
  /** On an entry from history or recovery that was edited later: the seq of the latest edit. */
  edited?: number;
  /** On an entry from history or recovery that was deleted later: the seq of the deletion. */
  deleted?: number;
}

/** A preview of a room's newest text or media for the inbox. Its text is cut after 200 characters. */
export type MessagePreview = Pick<
  Message,
  "seq" | "epoch" | "time" | "id" | "user" | "name" | "kind" | "text" | "mentions" | "edited" | "deleted"
> & { media?: Pick<Media, "type" | "name"> };

/** The position in a room's log up to which a client has all entries. */
export interface Since {
  seq: number;
  epoch: string;
}

/** A page of a room's log, the oldest entry first. */
export interface Page {
  messages: Message[];
  /** Whether older entries exist. */
  more: boolean;
  epoch?: string;
  seq?: number;
}

/** A new message: text, an upload, data, or several of them. */
export interface SendPayload {
  room: RoomId;
  id: string;
  text?: string;
  upload?: string;
  reply_to?: number;
  data?: object;
  mentions?: UserId[];
}

/** How to send a file's bytes to the object storage. */
export interface SignedUpload {
  upload: string;
  method: "POST" | "PUT";
  url: string;
  fields?: Record<string, string>;
  headers?: Record<string, string>;
  expires: number;
}

/** An open report of a message. */
export interface Report {
  id: string;
  room: RoomId;
  /** The seq of the message. */
  target: number;
  /** The user who reported the message. */
  by: UserId;
  reason: string;
  /** The message at the time of the report, as JSON. */
  message: string;
}
