/** Define the limits and times of the protocol, and describe the limits of a gateway. */

/** Seconds between two `presence` heartbeats of a client, unless `ready` says otherwise. */
export const HEARTBEAT_SECONDS = 30;

/** Seconds after which a typing indicator without a refresh ends. */
export const TYPING_SECONDS = 6;

/** The most entries in any list of the protocol. */
export const MAX_LIST = 100;

/** The most bytes of an application's `data`, as JSON in UTF-8. */
export const MAX_DATA_BYTES = 4_096;

/** The deepest nesting of objects and lists in `data`; the object itself counts as 1. */
export const MAX_DATA_DEPTH = 8;

/** The limits of a gateway. */
export interface Limits {
  /** The longest text, in bytes of UTF-8. */
  message_bytes: number;
  /** The largest file, in bytes. */
  upload_bytes: number;
  /** The largest packet, in bytes. */
  payload_bytes: number;
  [name: string]: number;
}
