/** Find a person by what was typed. Pure. */

import type { UserId } from "@roomcast/sdk";
import { cleanName } from "./names.ts";

/**
 * Return the user that an input means: a known id, else the only person of that name, else the input itself as an id.
 * Return null when several people have the name.
 */
export function userOfInput(input: string, people: readonly { user: UserId; name: string }[]): UserId | null {
  const text = input.trim();
  if (people.some(({ user }) => user === text)) return text;
  const wanted = fold(text);
  const named = people.filter(({ name }) => fold(name) === wanted);
  if (named.length > 1) return null;
  return named[0]?.user ?? text;
}

/** The most people whom a message can mention. */
const MAX_MENTIONS = 20;

/** Return the people whom a text mentions by `@` and their whole name, or their id. */
export function mentionsIn(text: string, people: readonly { user: UserId; name: string }[]): UserId[] {
  const folded = fold(text);
  const isNamed = (name: string) => {
    for (let at = folded.indexOf(`@${name}`); name && at >= 0; at = folded.indexOf(`@${name}`, at + 1)) {
      const before = folded.slice(0, at);
      const after = folded.slice(at + name.length + 1);
      if (!/[\p{L}\p{N}_]$/u.test(before) && !/^[\p{L}\p{N}_]/u.test(after)) return true;
    }
    return false;
  };
  const named = people.filter(({ user, name }) => isNamed(fold(name)) || isNamed(fold(user)));
  return [...new Set(named.map(({ user }) => user))].slice(0, MAX_MENTIONS);
}

function fold(name: string): string {
  return cleanName(name, "").normalize("NFKC").toLocaleLowerCase();
}
