/** Read the claims of a token on the client. Only the server checks the signature. Pure. */

import { isWellFormed } from "../payload_checks.ts";
import { isUserId, type UserId } from "../protocol/ids.ts";

/** Return the claims of a JWT (RFC 7519); an empty object if the token cannot be read. */
export function claimsOf(token: string): Readonly<Record<string, unknown>> {
  try {
    const payload = token.split(".")[1] ?? "";
    const claims: unknown = JSON.parse(utf8(atob(payload.replace(/-/g, "+").replace(/_/g, "/"))));
    return typeof claims === "object" && claims !== null ? (claims as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/** Return the id of the user whom a token names; null if the token has no readable `sub`. */
export function userOf(token: unknown): UserId | null {
  const { sub } = typeof token === "string" ? claimsOf(token) : {};
  return typeof sub === "string" ? userIdOf(sub) : null;
}

const ENCODED_PREFIX = "x--";

/**
 * Return a token's `sub` as a user id, by the rule of the server: a `sub` without the form of a user id becomes `x--`
 * and its UTF-8 bytes, in which a byte outside `[A-Za-z0-9_.@]` is written `-HH`.
 *
 * @returns null for a `sub` that the server refuses: empty, or too long
 */
export function userIdOf(sub: string): UserId | null {
  if (isUserId(sub) && !sub.startsWith(ENCODED_PREFIX)) return sub;
  if (sub === "" || !isWellFormed(sub)) return null;
  const encoded = encodeURIComponent(sub)
    .replace(/%40/g, "@")
    .replace(/[-!~*'()]/g, hex)
    .replace(/%/g, "-");
  const user = ENCODED_PREFIX + encoded;
  return isUserId(user) ? user : null;
}

function hex(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}

/** Decode a text whose characters are the bytes of UTF-8. React Native may lack `TextDecoder`. */
function utf8(bytes: string): string {
  return decodeURIComponent([...bytes].map((byte) => `%${byte.charCodeAt(0).toString(16).padStart(2, "0")}`).join(""));
}
