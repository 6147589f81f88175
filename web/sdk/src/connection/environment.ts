/** Use the features of the platform (a browser, Node, React Native), with fallbacks for missing features. */

import type { Undo } from "../emitter.ts";
import type { KeyValueStorage } from "../unsent_storage.ts";

/** Return `localStorage`, or null where there is none or the browser forbids it. */
export function defaultStorage(): KeyValueStorage | null {
  try {
    const storage = globalThis.localStorage;
    return typeof storage?.getItem === "function" ? storage : null;
  } catch {
    return null;
  }
}

/**
 * Return a version 4 UUID (RFC 9562, 5.4).
 *
 * `crypto.randomUUID` is missing on pages without https, and React Native has no `crypto` at all. An id must be unique
 * among the messages of one user; it need not be secret.
 */
export function newId(): string {
  const crypto = globalThis.crypto as Crypto | undefined;
  if (typeof crypto?.randomUUID === "function") return crypto.randomUUID();
  const bytes = new Uint8Array(16);
  if (typeof crypto?.getRandomValues === "function") crypto.getRandomValues(bytes);
  else for (let at = 0; at < bytes.length; at++) bytes[at] = Math.random() * 256;
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** The globals that distinguish Node from similar runtimes. */
interface Runtime {
  window?: unknown;
  Deno?: unknown;
  process?: { versions?: { node?: string; bun?: string } };
}

/** Return whether this is Node: not a browser, Bun, Deno, or a test environment that imitates a browser. */
export function isNode(): boolean {
  const { window, Deno, process } = globalThis as Runtime;
  return window === undefined && Deno === undefined && !!process?.versions?.node && !process.versions.bun;
}

const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Keep a Node process alive until the returned function is called. Does nothing elsewhere. */
export function keepAlive(): Undo {
  if (!isNode()) return () => {};
  const timer = setInterval(() => {}, LONGEST_TIMER_MS);
  return () => clearInterval(timer);
}
