/**
 * Check payloads before sending, for faults that make a gateway refuse a payload or close the connection. Pure.
 *
 * A gateway answers such a payload with a negative ack. It closes the connection instead if the event has no ack id, or
 * if the packet is above 1,000,000 bytes. A client that sends the payload again after each reconnect never stays
 * online. So the SDK refuses the payload first, with the error code that the gateway would use.
 */

import { RoomcastError } from "./errors.ts";
import { MAX_DATA_BYTES, MAX_DATA_DEPTH, MAX_LIST } from "./protocol/limits.ts";

/** The limits that apply until a gateway announces its own in `ready`. */
export const DEFAULT_LIMITS = { message_bytes: 16_384, payload_bytes: 100_000 } as const;

/** Bytes left for the rest of a packet: packet types, the ack id, the event's name, brackets. */
const ENVELOPE_BYTES = 128;
/** The deepest nesting of a payload: half of the depth that a gateway accepts (64), as the event adds levels. */
const MAX_PAYLOAD_DEPTH = 32;

/** Return why this payload cannot be sent, or null. */
export function payloadFault(payload: unknown, payloadBytes: number): RoomcastError | null {
  if (holdsBinary(payload, 0)) return RoomcastError.of("bad_request", "a payload must not hold binary data");
  const json = jsonOf(payload);
  if (json === null) return RoomcastError.of("bad_request", "the payload cannot be written as JSON");
  if (utf8Bytes(json) > payloadBytes - ENVELOPE_BYTES) {
    return RoomcastError.of("too_large", `the payload is larger than ${payloadBytes - ENVELOPE_BYTES} bytes`);
  }
  const fault = faultIn(JSON.parse(json), 0);
  return fault === null ? null : RoomcastError.of("bad_request", fault);
}

/** Return why this text cannot be a message, or null. */
export function textFault(text: string, messageBytes: number): RoomcastError | null {
  if (!isWellFormed(text)) return RoomcastError.of("bad_request", LONE_SURROGATE);
  if (utf8Bytes(text) <= messageBytes) return null;
  return RoomcastError.of("too_large", `a text holds at most ${messageBytes} bytes`);
}

/** Return why this object cannot be the `data` of a message or event, or null. */
export function dataFault(data: object): RoomcastError | null {
  if (Array.isArray(data)) return RoomcastError.of("bad_request", "data must be an object, not a list");
  const json = jsonOf(data);
  if (json === null) return RoomcastError.of("bad_request", "data cannot be written as JSON");
  if (depthOf(JSON.parse(json)) > MAX_DATA_DEPTH) {
    return RoomcastError.of("too_large", `data is nested more than ${MAX_DATA_DEPTH} levels deep`);
  }
  if (utf8Bytes(json) <= MAX_DATA_BYTES) return null;
  return RoomcastError.of("too_large", `data holds at most ${MAX_DATA_BYTES} bytes as JSON`);
}

/** Return how deeply objects and lists are nested. Stop counting at MAX_DATA_DEPTH + 1. */
function depthOf(value: unknown, above = 0): number {
  if (typeof value !== "object" || value === null || above > MAX_DATA_DEPTH) return above;
  return Math.max(above + 1, ...Object.values(value).map((inner) => depthOf(inner, above + 1)));
}

const LONE_SURROGATE = "the text holds half a character (a lone surrogate)";

/** Return whether the text has no lone surrogate. With the `u` flag the pattern treats a pair as one character. */
export function isWellFormed(text: string): boolean {
  return !/[\uD800-\uDFFF]/u.test(text);
}

/** Return the length of `text` in UTF-8. */
export function utf8Bytes(text: string): number {
  let bytes = text.length;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    const isSurrogate = unit >= 0xd800 && unit <= 0xdfff;
    // Each half of a pair counts 2 of the pair's 4 bytes.
    if (unit > 0x7ff && !isSurrogate) bytes += 2;
    else if (unit > 0x7f) bytes += 1;
  }
  return bytes;
}

/** Return a deep copy of `value`; throw TypeError if it cannot be written as JSON. */
export function jsonCopy<T extends object>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}

function jsonOf(payload: unknown): string | null {
  try {
    return JSON.stringify(payload) ?? null;
  } catch {
    return null;
  }
}

function faultIn(value: unknown, depth: number): string | null {
  if (typeof value === "string") return isWellFormed(value) ? null : LONE_SURROGATE;
  if (typeof value !== "object" || value === null) return null;
  if (depth >= MAX_PAYLOAD_DEPTH) return `the payload is nested more than ${MAX_PAYLOAD_DEPTH} levels deep`;
  for (const [key, inner] of Object.entries(value)) {
    const fault = faultIn(key, depth + 1) ?? faultIn(inner, depth + 1);
    if (fault !== null) return fault;
  }
  return null;
}

/** Return whether socket.io-client would send the payload as a packet with binary attachments. */
function holdsBinary(value: unknown, depth: number): boolean {
  if (typeof value !== "object" || value === null || depth >= MAX_PAYLOAD_DEPTH) return false;
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) return true;
  if (typeof Blob !== "undefined" && value instanceof Blob) return true;
  return Object.values(value).some((inner) => holdsBinary(inner, depth + 1));
}

/** Return `size` as a whole number from 1 to MAX_LIST, the bounds of the protocol. */
export function clampPage(size: number): number {
  return Math.min(Math.max(1, Math.trunc(size)), MAX_LIST);
}
